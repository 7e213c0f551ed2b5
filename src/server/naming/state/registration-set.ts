/**
 * The registrations of one service by id. Most services have few, and there can be many services, so only a service
 * with many keeps an index.
 */
/** What is kept here. */
interface Identified {
  readonly id: string;
}

/** More than this are indexed. */
const indexThreshold = 16;

/** Registrations in the order in which they came. */
export class RegistrationSet<T extends Identified> {
  #list: T[] | undefined;
  #byId: Map<string, T> | undefined;

  get size(): number {
    return this.#byId?.size ?? this.#list?.length ?? 0;
  }

  get(id: string): T | undefined {
    if (this.#byId !== undefined) return this.#byId.get(id);
    return this.#list?.find((registration) => registration.id === id);
  }

  /** Takes one in that is not there, or is the very one that is. */
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
