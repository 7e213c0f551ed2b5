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
 * Requests that wait for a connection, in order of arrival. A cancelled request leaves the queue in constant time,
 * and its body can be garbage-collected at once.
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
   * Removes the request with this handler.
   *
   * @returns whether the queue contained the request
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
