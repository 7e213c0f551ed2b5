import type { CallAttempt } from './call-attempt.js';
import { recheckMs } from './retry-decision.js';
import type { RetryState } from './retry-state.js';

export class FailoverState<A extends CallAttempt> {
  /** Attempts without an accepted or deferred response, oldest first. */
  inFlight: A[];
  /** When a hedge starts; `Infinity` if no hedge is planned. */
  hedgeAt = Infinity;
  hedgeDelayMs = 0;
  isRefreshing = false;
  /** When the resolution was last refreshed for another attempt, which may use it even if it has expired since. */
  refreshedAt = -Infinity;
  hasRepeated = false;

  constructor(
    readonly retry: RetryState,
    attempt: A | undefined,
  ) {
    this.inFlight = attempt === undefined ? [] : [attempt];
  }

  /**
   * Called before the request of an attempt without a reserved retry is written. If another request of the call was
   * sent, spends one retry of the budget. Returns false if no retry is left, so that the request must not be written.
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

  replace(attempt: A, replacement: A): void {
    const index = this.inFlight.indexOf(attempt);
    if (index >= 0) this.inFlight[index] = replacement;
  }

  remove(attempt: A): void {
    this.inFlight = this.inFlight.filter((other) => other !== attempt);
  }

  tried(): Set<string> {
    const tried = new Set(this.retry.tried);
    for (const { candidate } of this.inFlight) tried.add(candidate.endpoint.id);
    return tried;
  }

  /**
   * Returns an endpoint that may get a second attempt after all other endpoints have failed. The first attempt there
   * is late, and its connection may be broken.
   */
  repeatable(): string | undefined {
    const [only] = this.inFlight;
    const isAlone = this.inFlight.length === 1 && this.retry.outcomes.length > 0 && !this.hasRepeated;
    return isAlone && only?.isLate === true && only.stage === 'sent' ? only.candidate.endpoint.id : undefined;
  }

  /**
   * Returns when the hedge must be checked again; `Infinity` if the hedge may start at `now`. The hedging delay
   * begins when the upload of the first attempt ends.
   */
  uploadCheckAt(now: number): number {
    const [attempt] = this.inFlight;
    if (attempt?.upload === undefined) return Infinity;
    const dueAt = attempt.dueAt(this.hedgeDelayMs, now);
    return dueAt > now ? Math.min(dueAt, now + recheckMs) : Infinity;
  }

  nextCheckAt(now: number): number {
    let at = this.hedgeAt;
    for (const { checkAt } of this.inFlight) at = Math.min(at, Math.max(checkAt, now));
    return at;
  }
}
