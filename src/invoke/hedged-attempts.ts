import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError } from '../core/errors.js';
import type { Attempt } from './attempt.js';
import type { HedgingPolicy } from './hedging-policy.js';
import type { FailoverHost } from './http-call-port.js';
import { isReplayable } from './request-body.js';
import { minAttemptMs } from './retry-rules.js';
import type { RetryState } from './retry-state.js';

/**
 * The hedging of one call: sends a second attempt while a slow first attempt is still in flight, and delivers the first
 * acceptable response. The caller's handler receives only the events of the attempt that won. The other attempt is
 * cancelled.
 */
export class HedgedAttempts {
  readonly #call: FailoverHost;
  readonly #state: RetryState;
  readonly #policy: HedgingPolicy;
  /** When the second attempt is due; Infinity when no second attempt is planned. */
  #hedgeAt = Infinity;
  /**
   * The first attempt while two attempts are in flight, otherwise undefined. The second attempt is then `attempt` of
   * the call.
   */
  #firstAttempt: Attempt | undefined;

  constructor(call: FailoverHost, state: RetryState, policy: HedgingPolicy) {
    this.#call = call;
    this.#state = state;
    this.#policy = policy;
  }

  /** Plans the second attempt. Called when the first attempt was sent. */
  schedule(now: number): void {
    const call = this.#call;
    const { request, attempt } = call;
    // A hedged upgrade would leave an unused connection open.
    const isUpgrade = Boolean((request as { readonly upgrade?: unknown }).upgrade);
    if (isUpgrade || !isReplayable(request.body) || !call.deadline.allowsRetries) return;
    if (call.settled || attempt === undefined || attempt.ended || attempt.stage === 'answered') return;
    this.#policy.deposit(now);
    const delayMs = this.#policy.delayMs(call.attemptTimeout, now);
    if (delayMs === undefined) return;
    if (delayMs === 0) {
      this.#sendHedge(now);
      return;
    }
    this.#hedgeAt = Math.ceil(now + delayMs);
    this.#armTimer(now);
  }

  /**
   * Handles the timer of the call.
   *
   * @param onLate - called with an attempt that timed out while two attempts are in flight; must redial or drop that
   * attempt
   * @returns false when the caller of this method must handle the timer: no attempt was made yet, or the only attempt
   * in flight timed out
   */
  expire(now: number, onLate: (attempt: Attempt) => void): boolean {
    const call = this.#call;
    if (call.attempt === undefined) return false;
    if (now >= this.#hedgeAt) this.#sendHedge(now);
    for (const attempt of [this.#firstAttempt, call.attempt])
      if (this.#firstAttempt !== undefined && attempt !== undefined && now >= this.#timeoutOf(attempt, now))
        onLate(attempt);
    if (call.settled) return true;
    if (this.#firstAttempt === undefined && now >= this.#timeoutOf(call.attempt, now)) return false;
    this.#armTimer(now);
    return true;
  }

  /**
   * Replaces the first of two attempts by its redialed copy.
   *
   * @returns false when `attempt` is not the first of two attempts in flight
   */
  replace(attempt: Attempt, replacement: Attempt): boolean {
    if (this.#firstAttempt !== attempt) return false;
    this.#firstAttempt = replacement;
    return true;
  }

  /** Sets the timer again, if two attempts are in flight. */
  rearm(now: number): void {
    if (this.#firstAttempt !== undefined) this.#armTimer(now);
  }

  /** Cancels one of two attempts. The cancelled attempt does not count as a failure. */
  drop(attempt: Attempt): void {
    this.#promote(attempt);
    this.#cancelAttempt(attempt, 'SUPERSEDED');
  }

  /**
   * Continues after the failure of an attempt.
   *
   * @returns whether another attempt is in flight
   */
  continueWithout(attempt: Attempt, now: number): boolean {
    this.#hedgeAt = Infinity;
    if (this.#firstAttempt === undefined) return false;
    this.#promote(attempt);
    this.#armTimer(now);
    return true;
  }

  /** Cancels the other attempt, because `winner` responded. */
  settleWinner(winner: Attempt, now: number): void {
    this.#hedgeAt = Infinity;
    const first = this.#firstAttempt;
    if (first === undefined) return;
    const call = this.#call;
    const loser = winner === first ? (call.attempt as Attempt) : first;
    this.#promote(loser);
    const elapsedMs = now - loser.startedAt;
    // The latency of the cancelled attempt is at least `elapsedMs`. Without this sample, attempt timeouts would leave
    // slow responses out.
    call.attemptTimeout.record(elapsedMs, now);
    call.context.health.hedgeLost(loser.candidate, elapsedMs, now);
    this.#cancelAttempt(loser, 'SUPERSEDED');
  }

  /**
   * Cancels both attempts because the call ends.
   *
   * @param except - an attempt that the caller of this method ends itself
   */
  stop(except?: Attempt): void {
    this.#hedgeAt = Infinity;
    const first = this.#firstAttempt;
    if (first === undefined) return;
    this.#firstAttempt = undefined;
    for (const attempt of [first, this.#call.attempt])
      if (attempt !== undefined && attempt !== except && !attempt.ended)
        this.#cancelAttempt(attempt, 'ABORTED');
  }

  #sendHedge(now: number): void {
    this.#hedgeAt = Infinity;
    const call = this.#call;
    const { attempt } = call;
    if (attempt === undefined || call.deadlineAt - now < minAttemptMs) return;
    const second = this.#pickSecond(attempt, now);
    if (second === undefined || !this.#policy.tryReserve(now)) return;
    this.#firstAttempt = attempt;
    call.send(second, 'hedge', now, true);
    // The attempt may have failed synchronously and ended the call.
    if (!call.settled) this.#armTimer(now);
  }

  /**
   * Picks an open endpoint that was not tried. Undefined when there is none, or when the resolution has expired, since
   * hedging waits for no lookup.
   */
  #pickSecond({ candidate }: Attempt, now: number): ConnectedCandidate | undefined {
    const { context, constraints } = this.#call;
    if (!context.isFresh(now)) return undefined;
    const tried = new Set([...this.#state.tried, candidate.endpoint.id]);
    const other = context.pickAlternative(now, constraints, tried);
    // The policy is application code and may have aborted the call.
    if (this.#call.settled) return undefined;
    return other?.status === 'open' && context.health.canDial(other, now) ? other : undefined;
  }

  /** Removes one of two attempts. The other attempt becomes `attempt` of the call. */
  #promote(removed: Attempt): void {
    const first = this.#firstAttempt as Attempt;
    this.#firstAttempt = undefined;
    if (removed !== first) this.#call.attempt = first;
  }

  #cancelAttempt(attempt: Attempt, code: string): void {
    const call = this.#call;
    const error = new ClerkError(
      'ABORTED',
      `The attempt at endpoint ${attempt.candidate.endpoint.id} was cancelled`,
    );
    this.#state.record(attempt, 'ignored', code, call.context.clock.now() - attempt.startedAt, error);
    call.endAttempt(attempt);
    attempt.abandon(error);
  }

  #timeoutOf(attempt: Attempt, now: number): number {
    return Math.ceil(attempt.startedAt + this.#call.attemptTimeout.timeoutAt(now));
  }

  /**
   * Sets the timer of the call to its deadline, to the start of the second attempt or to an attempt timeout, whichever
   * comes first.
   */
  #armTimer(now: number): void {
    const call = this.#call;
    const timeouts = [this.#firstAttempt, call.attempt].flatMap((attempt) =>
      attempt ? [this.#timeoutOf(attempt, now)] : [],
    );
    call.context.wheel.set(call, Math.min(call.deadlineAt, this.#hedgeAt, ...timeouts));
  }
}
