import type { CallAttempt } from './call-attempt.js';
import type { RetryState } from './retry-state.js';

/** Interval at which a call checks an attempt that is queued or still uploading, in ms. */
export const recheckMs = 100;

/** The state that a call needs only if its first attempt fails, is late or cannot be sent at once. */
export class FailoverState<A extends CallAttempt> {
  /** Attempts without an accepted or deferred response, oldest first. */
  inFlight: A[];
  /** Time at which the hedging policy starts a second attempt; `Infinity` if no second attempt is planned. */
  hedgeAt = Infinity;
  /** Delay of the hedging policy, in ms. */
  hedgeDelayMs = 0;
  /** Whether an expired resolution is being refreshed, so that a late attempt can be joined. */
  isRefreshing = false;
  /**
   * When the resolution was last refreshed for the next attempt. An attempt that starts right after the refresh uses
   * the resolution even if the resolution has expired again.
   */
  refreshedAt = -Infinity;
  /** Whether another attempt at the same endpoint has joined a late attempt. */
  hasRepeated = false;

  constructor(
    readonly retry: RetryState,
    attempt: A | undefined,
  ) {
    this.inFlight = attempt === undefined ? [] : [attempt];
  }

  /**
   * Called before the request of `attempt` is written, if no retry is reserved for `attempt`. If another request of the
   * call was sent, spends a retry of the budget.
   *
   * @returns false if the budget allows no retry; the request must then not be written
   */
  payForSecondRequest(attempt: A, now: number): boolean {
    const { retry, inFlight } = this;
    const isSecond =
      retry.execution !== 'none' || inFlight.some((other) => other !== attempt && other.stage !== 'waiting');
    if (!isSecond || retry.takeFreeSend()) return true;
    if (!retry.tryReserve(now)) return false;
    retry.call.budget.spent(now);
    return true;
  }

  /** Replaces `attempt` by `replacement`, which repeats the attempt at another address of the same endpoint. */
  replace(attempt: A, replacement: A): void {
    const index = this.inFlight.indexOf(attempt);
    if (index >= 0) this.inFlight[index] = replacement;
  }

  /** Removes an attempt whose response was received, or which has failed. */
  remove(attempt: A): void {
    this.inFlight = this.inFlight.filter((other) => other !== attempt);
  }

  /** Ids of the endpoints at which an attempt was made. */
  tried(): Set<string> {
    const tried = new Set(this.retry.tried);
    for (const { candidate } of this.inFlight) tried.add(candidate.endpoint.id);
    return tried;
  }

  /**
   * Returns the id of an endpoint that may get a second attempt if every other endpoint has failed; undefined if there
   * is no such endpoint. The first attempt at this endpoint is late, and its connection may be broken.
   */
  repeatable(): string | undefined {
    const [only] = this.inFlight;
    const isAlone = this.inFlight.length === 1 && this.retry.outcomes.length > 0 && !this.hasRepeated;
    return isAlone && only?.isLate === true && only.stage === 'sent' ? only.candidate.endpoint.id : undefined;
  }

  /**
   * Returns the time at which the call must check again whether hedging may start its second attempt. Returns
   * `Infinity` if the second attempt may start at `now`. The delay of the hedging policy begins when the upload of the
   * first attempt ends.
   */
  uploadCheckAt(now: number): number {
    const [attempt] = this.inFlight;
    if (attempt?.upload === undefined) return Infinity;
    const dueAt = attempt.dueAt(this.hedgeDelayMs, now);
    return dueAt > now ? Math.min(dueAt, now + recheckMs) : Infinity;
  }

  /** Returns the time at which the call must check its attempts again; `Infinity` if no check is needed. */
  nextCheckAt(now: number): number {
    let at = this.hedgeAt;
    for (const { checkAt } of this.inFlight) at = Math.min(at, Math.max(checkAt, now));
    return at;
  }
}
