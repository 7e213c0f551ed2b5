/**
 * Two attempts of one call at a time: when the second begins, which of them goes on, and what becomes of the other. The
 * handler hears of the winner alone.
 */
import type { ConnectedCandidate } from '../core/candidate.js';
import { ClerkError } from '../core/errors.js';
import type { Attempt } from './attempt.js';
import { isReplayable } from './request-body.js';
import type { HedgingPolicy } from './hedging-policy.js';
import { minAttemptMs } from './retry-rules.js';
import type { FailoverHost } from './http-call-port.js';
import type { RetryState } from './retry-state.js';

/** See the file's header. */
export class HedgedAttempts {
  readonly #call: FailoverHost;
  readonly #state: RetryState;
  readonly #policy: HedgingPolicy;
  /** When the second begins; Infinity when it does not. */
  #hedgeAt = Infinity;
  /** The first, while both are out; the second is the call's attempt under way. */
  #firstAttempt: Attempt | undefined;

  constructor(call: FailoverHost, state: RetryState, policy: HedgingPolicy) {
    this.#call = call;
    this.#state = state;
    this.#policy = policy;
  }

  /** The first attempt was just sent. */
  schedule(now: number): void {
    const call = this.#call;
    const { request, attempt } = call;
    // Two handshakes for one connection would leave one open that nobody wants.
    const isUpgrade = Boolean((request as { readonly upgrade?: unknown }).upgrade);
    if (isUpgrade || !isReplayable(request.body) || !call.deadline.allowsRetries) return;
    if (call.settled || attempt === undefined || attempt.ended || attempt.stage === 'answered') return;
    this.#policy.deposit(now);
    const delayMs = this.#policy.delayMs(call.histogram, now);
    if (delayMs === undefined) return;
    if (delayMs === 0) {
      this.#sendHedge(now);
      return;
    }
    this.#hedgeAt = Math.ceil(now + delayMs);
    this.#armTimer(now);
  }

  /**
   * The call's time on the wheel has come.
   *
   * @param onLate - one of two is over its limit: it is replaced, or dropped
   * @returns whether that was all; else the attempt under way is the only one, and its limit has come
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

  /** An attempt goes on as another one, at its endpoint's next address. @returns whether it is not the call's own */
  replace(attempt: Attempt, replacement: Attempt): boolean {
    if (this.#firstAttempt !== attempt) return false;
    this.#firstAttempt = replacement;
    return true;
  }

  /** Sees to it that both are looked at in time, while both are out. */
  rearm(now: number): void {
    if (this.#firstAttempt !== undefined) this.#armTimer(now);
  }

  /** One of two is out, and is not to blame. */
  drop(attempt: Attempt): void {
    this.#promote(attempt);
    this.#cancelAttempt(attempt, 'SUPERSEDED');
  }

  /** One of two has failed. @returns whether the other goes on alone */
  continueWithout(attempt: Attempt, now: number): boolean {
    this.#hedgeAt = Infinity;
    if (this.#firstAttempt === undefined) return false;
    this.#promote(attempt);
    this.#armTimer(now);
    return true;
  }

  /** One answers: the other is not needed any more. */
  settleWinner(winner: Attempt, now: number): void {
    this.#hedgeAt = Infinity;
    const first = this.#firstAttempt;
    if (first === undefined) return;
    const call = this.#call;
    const loser = winner === first ? (call.attempt as Attempt) : first;
    this.#promote(loser);
    const elapsedMs = now - loser.startedAt;
    // It takes at least this long: what is learned of answers must not leave the slow ones out.
    call.histogram.record(elapsedMs, now);
    call.context.health.hedgeLost(loser.candidate, elapsedMs, now);
    this.#cancelAttempt(loser, 'SUPERSEDED');
  }

  /** The call is over: both end, but for the one that whoever calls this ends. */
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
    const other = this.#pickSecond(attempt, now);
    if (other === undefined || !this.#policy.tryReserve(now)) return;
    this.#firstAttempt = attempt;
    call.send(other, 'hedge', now, true);
    // It may have failed at once, and ended the call.
    if (!call.settled) this.#armTimer(now);
  }

  /** Somebody open who was not asked; nobody when what is known has run out, since nothing is waited for here. */
  #pickSecond({ candidate }: Attempt, now: number): ConnectedCandidate | undefined {
    const { context, constraints } = this.#call;
    if (!context.isFresh(now)) return undefined;
    const tried = new Set([...this.#state.tried, candidate.endpoint.id]);
    const other = context.pickAlternative(now, constraints, tried);
    // The policy is the program's, which may have ended the call in it.
    if (this.#call.settled) return undefined;
    return other?.status === 'open' && context.health.canDial(other, now) ? other : undefined;
  }

  /** `gone` is out; the other one is the attempt under way. */
  #promote(removed: Attempt): void {
    const first = this.#firstAttempt as Attempt;
    this.#firstAttempt = undefined;
    if (removed !== first) this.#call.attempt = first;
  }

  #cancelAttempt(attempt: Attempt, code: string): void {
    const call = this.#call;
    const error = new ClerkError('ABORTED', `${attempt.candidate.endpoint.id} was not waited for any more`);
    this.#state.record(attempt, 'ignored', code, call.context.clock.now() - attempt.startedAt, error);
    call.endAttempt(attempt);
    attempt.abandon(error);
  }

  #timeoutOf(attempt: Attempt, now: number): number {
    return Math.ceil(attempt.startedAt + this.#call.histogram.timeoutAt(now));
  }

  /** Until the next thing that time brings. */
  #armTimer(now: number): void {
    const call = this.#call;
    const timeouts = [this.#firstAttempt, call.attempt].flatMap((attempt) =>
      attempt ? [this.#timeoutOf(attempt, now)] : [],
    );
    call.context.wheel.set(call, Math.min(call.deadlineAt, this.#hedgeAt, ...timeouts));
  }
}
