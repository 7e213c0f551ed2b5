import type { Dispatcher } from 'undici';
import type { RequestHandler } from '../core/transport.js';

export interface QueuedRequest {
  readonly request: Dispatcher.DispatchOptions;
  readonly handler: RequestHandler;
  readonly origin: string;
}

interface QueueNode extends QueuedRequest {
  previous: QueueNode | undefined;
  next: QueueNode | undefined;
}

/** Waiting requests, in order of arrival. `cancel` takes constant time, and removes all references to the request. */
export class WaitQueue {
  #first: QueueNode | undefined;
  #last: QueueNode | undefined;
  readonly #nodes = new Map<RequestHandler, QueueNode>();

  get first(): QueuedRequest | undefined {
    return this.#first;
  }

  get isEmpty(): boolean {
    return this.#first === undefined;
  }

  has(handler: RequestHandler): boolean {
    return this.#nodes.has(handler);
  }

  enqueue({ request, handler, origin }: QueuedRequest): void {
    const node: QueueNode = { request, handler, origin, previous: this.#last, next: undefined };
    if (node.previous) node.previous.next = node;
    else this.#first = node;
    this.#last = node;
    this.#nodes.set(handler, node);
  }

  dequeue(): QueuedRequest | undefined {
    const node = this.#first;
    if (node) this.#remove(node);
    return node;
  }

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
