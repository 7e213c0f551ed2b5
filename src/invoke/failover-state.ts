import type { CallAttempt } from './call-attempt.js';
import type { RetryState } from './retry-state.js';

/** What a call needs only after its first attempt failed, timed out or could not be sent at once. */
export class FailoverState<A extends CallAttempt> {
  /** Attempts without an accepted or deferred response, oldest first. */
  inFlight: A[];
  /** When the hedging policy starts a second attempt; `Infinity` if it does not. */
  hedgeAt = Infinity;
  /** Whether an expired resolution is being refreshed, so that a late attempt can be joined. */
  isRefreshing = false;
  /** Whether the resolution was refreshed for the next attempt, which then uses it however old it is. */
  hasRefreshed = false;
  /** Whether a late attempt was joined by another one at the same endpoint. */
  hasRepeated = false;

  constructor(
    readonly retry: RetryState,
    attempt: A | undefined,
  ) {
    this.inFlight = attempt === undefined ? [] : [attempt];
  }

  /** Puts `replacement`, a redialed copy, in the place of `attempt`. */
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
   * Id of the endpoint of a late attempt at which one more attempt may be made if every other endpoint has failed. The
   * connection of the late attempt may be broken.
   */
  repeatable(): string | undefined {
    const [only] = this.inFlight;
    const isAlone = this.inFlight.length === 1 && this.retry.outcomes.length > 0 && !this.hasRepeated;
    return isAlone && only?.isLate === true && only.stage === 'sent' ? only.candidate.endpoint.id : undefined;
  }

  /** When the call must look at its attempts again, not before `now`. */
  nextCheckAt(now: number): number {
    let at = this.hedgeAt;
    for (const { checkAt } of this.inFlight) at = Math.min(at, Math.max(checkAt, now));
    return at;
  }
}
