/**
 * Requests that wait for a connection, first come first served. Any of them may leave at any time, and is let go with
 * its body at once, however long the line is.
 */
import type { Dispatcher } from 'undici';
import type { WireHandler } from '../core/transport.js';

/** One that waits. */
export interface Waiting {
  readonly request: Dispatcher.DispatchOptions;
  readonly handler: WireHandler;
}

interface Place extends Waiting {
  before: Place | undefined;
  after: Place | undefined;
}

/** See the file's header. */
export class Line {
  #first: Place | undefined;
  #last: Place | undefined;
  readonly #places = new Map<WireHandler, Place>();

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** @param handler - whose only request this is */
  join(request: Dispatcher.DispatchOptions, handler: WireHandler): void {
    const place: Place = { request, handler, before: this.#last, after: undefined };
    if (place.before) place.before.after = place;
    else this.#first = place;
    this.#last = place;
    this.#places.set(handler, place);
  }

  /** Takes the first out; undefined when nobody waits. */
  next(): Waiting | undefined {
    const place = this.#first;
    if (place) this.#remove(place);
    return place;
  }

  /** @returns whether it waited here */
  leave(handler: WireHandler): boolean {
    const place = this.#places.get(handler);
    if (place) this.#remove(place);
    return place !== undefined;
  }

  #remove({ handler, before, after }: Place): void {
    this.#places.delete(handler);
    if (before) before.after = after;
    else this.#first = after;
    if (after) after.before = before;
    else this.#last = before;
  }
}
