/**
 * The call that this program is serving right now, as far as it was told: what its own calls inherit. Travels with the
 * asynchronous context, so nobody has to hand it on.
 */
import { AsyncLocalStorage } from 'node:async_hooks';

/** A call that is being served. */
export interface InboundRequest {
  /** When nobody waits for its answer any more, on the monotonic clock; Infinity when nobody said. @see promises C2.2 */
  readonly deadlineAt: number;
  /** Which attempt it is; the first is 1. @see promises C4.3 */
  readonly attempt: number;
  /** It was answered: what goes on after that is nobody's call. */
  isFinished: boolean;
}

const context = new AsyncLocalStorage<InboundRequest>();

/** What is being served here and now; undefined where nothing is, nothing was told, or it is over. */
export function currentInbound(): InboundRequest | undefined {
  const inbound = context.getStore();
  return inbound?.isFinished === true ? undefined : inbound;
}

/** Runs something as part of serving a call, and all that it begins. */
export function runInbound<T>(inbound: InboundRequest, run: () => T): T {
  return context.run(inbound, run);
}
