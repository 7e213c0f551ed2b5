/**
 * Requests that wait for a connection, first come first served. Any of them may leave at any time, and is let go with
 * its body at once, however long the line is.
 */
import type { Dispatcher } from 'undici';
import type { RequestHandler } from '../core/transport.js';

/** One that waits. */
export interface QueuedRequest {
  readonly request: Dispatcher.DispatchOptions;
  readonly handler: RequestHandler;
}

interface QueueNode extends QueuedRequest {
  previous: QueueNode | undefined;
  next: QueueNode | undefined;
}

/** See the file's header. */
export class WaitQueue {
  #first: QueueNode | undefined;
  #last: QueueNode | undefined;
  readonly #nodes = new Map<RequestHandler, QueueNode>();

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** @param handler - whose only request this is */
  enqueue(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const node: QueueNode = { request, handler, previous: this.#last, next: undefined };
    if (node.previous) node.previous.next = node;
    else this.#first = node;
    this.#last = node;
    this.#nodes.set(handler, node);
  }

  /** Takes the first out; undefined when nobody waits. */
  dequeue(): QueuedRequest | undefined {
    const node = this.#first;
    if (node) this.#remove(node);
    return node;
  }

  /** @returns whether it waited here */
  cancel(handler: RequestHandler): boolean {
    const node = this.#nodes.get(handler);
    if (node) this.#remove(node);
    return node !== undefined;
  }

  #remove({ handler, previous, next }: QueueNode): void {
    this.#nodes.delete(handler);
    if (previous) previous.next = next;
    else this.#first = next;
    if (next) next.previous = previous;
    else this.#last = previous;
  }
}
