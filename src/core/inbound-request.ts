/**
 * The request that this program is currently serving. Calls made meanwhile inherit its deadline and attempt number. It
 * travels with the asynchronous context, so the program need not pass it on.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** A request that is being served. */
export interface InboundRequest {
  /** Its deadline on the monotonic clock; Infinity when the client sent none. @see [C2.2](../../docs/guarantees.md#c2-2) */
  readonly deadlineAt: number;
  /** Its attempt number; the first is 1. @see [C4.3](../../docs/guarantees.md#c4-3) */
  readonly attempt: number;
  /** The response was sent. Work that continues afterwards inherits nothing. */
  isFinished: boolean;
}

const context = new AsyncLocalStorage<InboundRequest>();

/** The request being served in the current asynchronous context, unless it is finished. */
export function currentInbound(): InboundRequest | undefined {
  const inbound = context.getStore();
  return inbound?.isFinished === true ? undefined : inbound;
}

/** Runs a function, and all asynchronous work it starts, as part of serving a request. */
export function runInbound<T>(inbound: InboundRequest, run: () => T): T {
  return context.run(inbound, run);
}
