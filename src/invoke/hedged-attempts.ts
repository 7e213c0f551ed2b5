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
  /** When the second attempt is to be sent, on the clock's scale; Infinity if no second attempt is planned. */
  #hedgeAt = Infinity;
  /**
   * The first attempt while two attempts are in flight, otherwise undefined. While two attempts are in flight,
   * `attempt` of the call is the second attempt.
   */
  #firstAttempt: Attempt | undefined;

  constructor(call: FailoverHost, state: RetryState, policy: HedgingPolicy) {
    this.#call = call;
    this.#state = state;
    this.#policy = policy;
  }

  /**
   * Called after the first attempt was dispatched. Plans the second attempt, or sends the second attempt at once if the
   * delay is 0.
   */
  schedule(now: number): void {
    const call = this.#call;
    const { request, attempt } = call;
    // Upgrades are not hedged, since the attempt that loses could leave an unused upgraded connection open.
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
   * Called when the timer of the call expires. Sends the second attempt when due, and handles timeouts of two attempts
   * in flight.
   *
   * @param onLate - called with each attempt that timed out while two attempts are in flight; must redial or end this
   * attempt
   * @returns whether the timer was handled; false if no attempt was made yet, or if the only attempt in flight timed
   * out
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
   * @returns false if `attempt` is not the first of two attempts in flight; nothing is replaced then
   */
  replace(attempt: Attempt, replacement: Attempt): boolean {
    if (this.#firstAttempt !== attempt) return false;
    this.#firstAttempt = replacement;
    return true;
  }

  /**
   * Sets the timer of the call again if two attempts are in flight. Called after a redial, which restarts an attempt
   * timeout.
   */
  rearm(now: number): void {
    if (this.#firstAttempt !== undefined) this.#armTimer(now);
  }

  /**
   * Cancels `attempt`, one of two attempts in flight. A cancelled attempt does not count as a failure of its endpoint.
   */
  drop(attempt: Attempt): void {
    this.#promote(attempt);
    this.#cancelAttempt(attempt, 'SUPERSEDED');
  }

  /**
   * Called when `attempt` has failed or timed out. Cancels a planned second attempt. If two attempts are in flight,
   * continues with the other attempt alone.
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

  /**
   * Called when `winner` has responded. Cancels a planned second attempt. If two attempts are in flight, cancels the
   * attempt other than `winner`.
   */
  settleWinner(winner: Attempt, now: number): void {
    this.#hedgeAt = Infinity;
    const first = this.#firstAttempt;
    if (first === undefined) return;
    const call = this.#call;
    const loser = winner === first ? (call.attempt as Attempt) : first;
    this.#promote(loser);
    const elapsedMs = now - loser.startedAt;
    // Records `elapsedMs` as the minimum latency of the cancelled attempt. Without this sample, slow attempts would not
    // count in the attempt timeout, and the timeout would become too short.
    call.attemptTimeout.record(elapsedMs, now);
    call.context.health.hedgeLost(loser.candidate, elapsedMs, now);
    this.#cancelAttempt(loser, 'SUPERSEDED');
  }

  /**
   * Called when the call ends. Cancels a planned second attempt and, if two attempts are in flight, both attempts.
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
    // The second attempt may have failed within `send` and ended the call.
    if (!call.settled) this.#armTimer(now);
  }

  /**
   * Picks an open endpoint at which no attempt was made. Returns undefined if there is no such endpoint. Also returns
   * undefined if the resolution has expired, since a second attempt does not wait for a lookup.
   */
  #pickSecond({ candidate }: Attempt, now: number): ConnectedCandidate | undefined {
    const { context, picker, constraints } = this.#call;
    if (!picker.isFresh(now)) return undefined;
    const tried = new Set([...this.#state.tried, candidate.endpoint.id]);
    const other = picker.pickAlternative(now, constraints, tried);
    // The load-balancing policy is application code and may have aborted the call during `pickAlternative`.
    if (this.#call.settled) return undefined;
    return other?.status === 'open' && context.health.canDial(other, now) ? other : undefined;
  }

  /** Removes `removed`, one of two attempts in flight. The remaining attempt becomes `attempt` of the call. */
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
   * Sets the timer of the call to the earliest of the deadline of the call, the start of the second attempt, and the
   * attempt timeouts.
   */
  #armTimer(now: number): void {
    const call = this.#call;
    const timeouts = [this.#firstAttempt, call.attempt].flatMap((attempt) =>
      attempt ? [this.#timeoutOf(attempt, now)] : [],
    );
    call.context.wheel.set(call, Math.min(call.deadlineAt, this.#hedgeAt, ...timeouts));
  }
}
