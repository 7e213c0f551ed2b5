import type { Dispatcher } from 'undici';
import type { RequestHandler } from '../core/transport.js';

/** A request in the queue. */
export interface QueuedRequest {
  readonly request: Dispatcher.DispatchOptions;
  readonly handler: RequestHandler;
}

interface QueueNode extends QueuedRequest {
  previous: QueueNode | undefined;
  next: QueueNode | undefined;
}

/**
 * Requests that wait for a connection, in order of arrival. To cancel a request takes constant time and releases the
 * request body at once.
 */
export class WaitQueue {
  #first: QueueNode | undefined;
  #last: QueueNode | undefined;
  readonly #nodes = new Map<RequestHandler, QueueNode>();

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  /** @param handler - handler of the request; `cancel` identifies the request by its handler */
  enqueue(request: Dispatcher.DispatchOptions, handler: RequestHandler): void {
    const node: QueueNode = { request, handler, previous: this.#last, next: undefined };
    if (node.previous) node.previous.next = node;
    else this.#first = node;
    this.#last = node;
    this.#nodes.set(handler, node);
  }

  /** Removes and returns the first request; undefined when the queue is empty. */
  dequeue(): QueuedRequest | undefined {
    const node = this.#first;
    if (node) this.#remove(node);
    return node;
  }

  /**
   * Removes a request.
   *
   * @returns whether the request was in this queue
   */
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
