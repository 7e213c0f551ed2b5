/**
 * The inbound request that this program is serving. Calls made while serving a request inherit its deadline and attempt
 * number. The request is stored in the asynchronous context, so the program need not pass the request on.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** A request that this program is serving. */
export interface InboundRequest {
  /**
   * Deadline of the request, in ms on the monotonic clock; Infinity when the client sent no deadline. @see
   * [C2.2](../../docs/guarantees.md#c2-2)
   */
  readonly deadlineAt: number;
  /**
   * Which attempt of the client's call this request is; the first attempt is 1. @see
   * [C4.3](../../docs/guarantees.md#c4-3)
   */
  readonly attempt: number;
  /** Whether the response was sent. Calls made after the response inherit neither deadline nor attempt number. */
  isFinished: boolean;
}

const context = new AsyncLocalStorage<InboundRequest>();

/**
 * Returns the request that the current asynchronous context is serving; undefined when the context serves no request,
 * or when the response was sent.
 */
export function currentInbound(): InboundRequest | undefined {
  const inbound = context.getStore();
  return inbound?.isFinished === true ? undefined : inbound;
}

/** Calls `run`. In `run`, and in the asynchronous work that `run` starts, {@link currentInbound} returns `inbound`. */
export function runInbound<T>(inbound: InboundRequest, run: () => T): T {
  return context.run(inbound, run);
}
