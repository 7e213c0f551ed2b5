/**
 * Keeps the request that this program is serving in the asynchronous context. Calls made in that context inherit the
 * deadline and the attempt number of the request.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

export interface InboundRequest {
  /**
   * Deadline of the request, in ms on the monotonic clock; Infinity without a deadline. @see
   * [C2.2](../../docs/guarantees.md#c2-2)
   */
  readonly deadlineAt: number;
  /** Number of the attempt within the client's call, from 1. @see [C4.3](../../docs/guarantees.md#c4-3) */
  readonly attempt: number;
  /** Whether the response was sent. Calls that are made after that inherit nothing. */
  isFinished: boolean;
}

const context = new AsyncLocalStorage<InboundRequest>();

/** Returns the unfinished request that the current asynchronous context serves, if any. */
export function currentInbound(): InboundRequest | undefined {
  const inbound = context.getStore();
  return inbound?.isFinished === true ? undefined : inbound;
}

/** Calls `run` in an asynchronous context that serves `inbound`. */
export function runInbound<T>(inbound: InboundRequest, run: () => T): T {
  return context.run(inbound, run);
}
