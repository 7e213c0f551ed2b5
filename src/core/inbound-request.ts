/**
 * A request that this program is serving. Calls made in its asynchronous context inherit its deadline and its attempt
 * number.
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
  /** Whether the response was sent. Calls that start after the response inherit nothing. */
  isFinished: boolean;
}

const context = new AsyncLocalStorage<InboundRequest | undefined>();

export function currentInbound(): InboundRequest | undefined {
  const inbound = context.getStore();
  return inbound?.isFinished === true ? undefined : inbound;
}

export function runInbound<T>(inbound: InboundRequest, run: () => T): T {
  return context.run(inbound, run);
}

/**
 * Runs a function that does not inherit from the inbound request. Used for work that several calls share or for which
 * no call waits, because the deadline of one request must not limit such work.
 */
export function runWithoutInbound<T>(run: () => T): T {
  return context.getStore() === undefined ? run() : context.run(undefined, run);
}
