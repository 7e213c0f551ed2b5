/** Number of registrations above which a set has an index by id. Smaller sets are searched, which saves memory. */
const indexThreshold = 16;

export class RegistrationSet<T extends { readonly id: string }> {
  #list: T[] | undefined;
  #byId: Map<string, T> | undefined;

  get size(): number {
    return this.#byId?.size ?? this.#list?.length ?? 0;
  }

  get(id: string): T | undefined {
    if (this.#byId !== undefined) return this.#byId.get(id);
    return this.#list?.find((registration) => registration.id === id);
  }

  add(registration: T): void {
    if (this.#byId !== undefined) this.#byId.set(registration.id, registration);
    else if (this.#list === undefined) this.#list = [registration];
    else if (!this.#list.includes(registration)) {
      this.#list = [...this.#list, registration];
      if (this.#list.length <= indexThreshold) return;
      this.#byId = new Map(this.#list.map((each) => [each.id, each]));
      this.#list = undefined;
    }
  }

  delete(id: string): void {
    if (this.#byId !== undefined) this.#byId.delete(id);
    else this.#list = this.#list?.filter((registration) => registration.id !== id);
  }

  values(): Iterable<T> {
    return this.#byId?.values() ?? this.#list ?? [];
  }
}
