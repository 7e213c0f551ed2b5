interface CallerSizes {
  bytes: number;
  /** Size of each response, by call id, oldest first. */
  readonly sizes: Map<string, number>;
}

/** The sizes of stored responses, by caller. Calls without a known caller share one entry. */
export class ResponseSizes {
  readonly #callers = new Map<string | undefined, CallerSizes>();
  #bytes = 0;

  get bytes(): number {
    return this.#bytes;
  }

  add(id: string, caller: string | undefined, size: number): void {
    let of = this.#callers.get(caller);
    if (of === undefined) this.#callers.set(caller, (of = { bytes: 0, sizes: new Map() }));
    of.sizes.set(id, size);
    of.bytes += size;
    this.#bytes += size;
  }

  delete(id: string, caller: string | undefined): void {
    const of = this.#callers.get(caller);
    const size = of?.sizes.get(id);
    if (of === undefined || size === undefined) return;
    of.sizes.delete(id);
    of.bytes -= size;
    this.#bytes -= size;
    if (of.sizes.size === 0) this.#callers.delete(caller);
  }

  /**
   * Removes the oldest response of the caller whose responses have the most bytes. Returns the id of its call. Must not
   * be called when no response is stored.
   */
  dropOldest(): string {
    let largest: readonly [string | undefined, CallerSizes] | undefined;
    for (const entry of this.#callers)
      if (largest === undefined || entry[1].bytes > largest[1].bytes) largest = entry;
    const [caller, { sizes }] = largest as readonly [string | undefined, CallerSizes];
    const [id] = sizes.keys();
    this.delete(id as string, caller);
    return id as string;
  }

  clear(): void {
    this.#callers.clear();
    this.#bytes = 0;
  }
}
