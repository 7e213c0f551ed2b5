/** A body that is being received. */
export interface ArrivingBody {
  received(bytes: number): void;
  /** Called once, when the body is complete, has failed, or is no longer buffered. */
  end(): void;
}

interface Arrival {
  readonly caller: string;
  readonly cancel: () => void;
  bytes: number;
}

/**
 * Limits the total size of request bodies that have not arrived completely. Above the limit, a body of the caller
 * with the most bytes is cancelled: the body that has received no bytes for the longest time. A caller that leaves
 * many bodies incomplete therefore takes no space from other callers.
 */
export class ArrivingBodies {
  readonly #maxBytes: number;
  /** By caller. A body moves to the end of its set when bytes arrive. */
  readonly #callers = new Map<string, { bytes: number; readonly arrivals: Set<Arrival> }>();
  #bytes = 0;

  /** @param maxBytes - total size, in bytes */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @param cancel - called when the body is cancelled; the body then no longer counts */
  start(caller: string, cancel: () => void): ArrivingBody {
    const arrival: Arrival = { caller, cancel, bytes: 0 };
    let of = this.#callers.get(caller);
    if (of === undefined) this.#callers.set(caller, (of = { bytes: 0, arrivals: new Set() }));
    of.arrivals.add(arrival);
    return { received: (bytes) => this.#add(arrival, bytes), end: () => this.#remove(arrival) };
  }

  #add(arrival: Arrival, bytes: number): void {
    const of = this.#callers.get(arrival.caller);
    if (of?.arrivals.delete(arrival) !== true) return;
    of.arrivals.add(arrival);
    arrival.bytes += bytes;
    of.bytes += bytes;
    this.#bytes += bytes;
    while (this.#bytes > this.#maxBytes) {
      const [oldest] = this.#largest().arrivals;
      this.#remove(oldest as Arrival);
      (oldest as Arrival).cancel();
    }
  }

  #largest(): { readonly arrivals: Set<Arrival> } {
    let largest: { bytes: number; readonly arrivals: Set<Arrival> } | undefined;
    for (const of of this.#callers.values())
      if (largest === undefined || of.bytes > largest.bytes) largest = of;
    return largest as NonNullable<typeof largest>;
  }

  #remove(arrival: Arrival): void {
    const of = this.#callers.get(arrival.caller);
    if (of?.arrivals.delete(arrival) !== true) return;
    of.bytes -= arrival.bytes;
    this.#bytes -= arrival.bytes;
    if (of.arrivals.size === 0) this.#callers.delete(arrival.caller);
  }
}
