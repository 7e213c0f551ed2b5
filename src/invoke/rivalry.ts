/**
 * Two attempts of one call at a time: when the second begins, which of them goes on, and what becomes of the other. The
 * handler hears of the winner alone.
 */
import type { Reachable } from '../core/candidate.js';
import { ClerkError } from '../core/errors.js';
import type { Attempt } from './attempt.js';
import { isReplayable } from './body.js';
import type { Hedging } from './hedging.js';
import { leastMs } from './rules.js';
import type { Troubled } from './troubled.js';
import type { Trip } from './trip.js';

/** See the file's header. */
export class Rivalry {
  readonly #call: Troubled;
  readonly #trip: Trip;
  readonly #hedging: Hedging;
  /** When the second begins; Infinity when it does not. */
  #beginsAt = Infinity;
  /** The first, while both are out; the second is the call's attempt under way. */
  #first: Attempt | undefined;

  constructor(call: Troubled, trip: Trip, hedging: Hedging) {
    this.#call = call;
    this.#trip = trip;
    this.#hedging = hedging;
  }

  /** The first attempt was just sent. */
  plan(now: number): void {
    const call = this.#call;
    const { request, attempt } = call;
    // Two handshakes for one connection would leave one open that nobody wants.
    const upgrades = Boolean((request as { readonly upgrade?: unknown }).upgrade);
    if (upgrades || !isReplayable(request.body) || !call.terms.repeats) return;
    if (call.settled || attempt === undefined || attempt.over || attempt.stage === 'answered') return;
    this.#hedging.deposit(now);
    const delayMs = this.#hedging.delayMs(call.window, now);
    if (delayMs === undefined) return;
    if (delayMs === 0) {
      this.#begin(now);
      return;
    }
    this.#beginsAt = Math.ceil(now + delayMs);
    this.#wait(now);
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
    if (now >= this.#beginsAt) this.#begin(now);
    for (const one of [this.#first, call.attempt])
      if (this.#first !== undefined && one !== undefined && now >= this.#limitOf(one, now)) onLate(one);
    if (call.settled) return true;
    if (this.#first === undefined && now >= this.#limitOf(call.attempt, now)) return false;
    this.#wait(now);
    return true;
  }

  /** An attempt goes on as another one, at its endpoint's next address. @returns whether it is not the call's own */
  replaces(attempt: Attempt, again: Attempt): boolean {
    if (this.#first !== attempt) return false;
    this.#first = again;
    return true;
  }

  /** Sees to it that both are looked at in time, while both are out. */
  waits(now: number): void {
    if (this.#first !== undefined) this.#wait(now);
  }

  /** One of two is out, and is not to blame. */
  drops(attempt: Attempt): void {
    this.#handOn(attempt);
    this.#end(attempt, 'SUPERSEDED');
  }

  /** One of two has failed. @returns whether the other goes on alone */
  outlives(attempt: Attempt, now: number): boolean {
    this.#beginsAt = Infinity;
    if (this.#first === undefined) return false;
    this.#handOn(attempt);
    this.#wait(now);
    return true;
  }

  /** One answers: the other is not needed any more. */
  won(winner: Attempt, now: number): void {
    this.#beginsAt = Infinity;
    const first = this.#first;
    if (first === undefined) return;
    const call = this.#call;
    const loser = winner === first ? (call.attempt as Attempt) : first;
    this.#handOn(loser);
    const ms = now - loser.beganAt;
    // It takes at least this long: what is learned of answers must not leave the slow ones out.
    call.window.record(ms, now);
    call.site.health.late(loser.candidate, ms, now);
    this.#end(loser, 'SUPERSEDED');
  }

  /** The call is over: both end, but for the one that whoever calls this ends. */
  stop(but?: Attempt): void {
    this.#beginsAt = Infinity;
    const first = this.#first;
    if (first === undefined) return;
    this.#first = undefined;
    for (const one of [first, this.#call.attempt])
      if (one !== undefined && one !== but && !one.over) this.#end(one, 'ABORTED');
  }

  #begin(now: number): void {
    this.#beginsAt = Infinity;
    const call = this.#call;
    const { attempt } = call;
    if (attempt === undefined || call.deadlineAt - now < leastMs) return;
    const other = this.#other(attempt, now);
    if (other === undefined || !this.#hedging.take(now)) return;
    this.#first = attempt;
    call.send(other, 'hedge', now, true);
    // It may have failed at once, and ended the call.
    if (!call.settled) this.#wait(now);
  }

  /** Somebody open who was not asked; nobody when what is known has run out, since nothing is waited for here. */
  #other({ candidate }: Attempt, now: number): Reachable | undefined {
    const { site, wish } = this.#call;
    if (!site.isWarm(now)) return undefined;
    const tried = new Set([...this.#trip.tried, candidate.endpoint.id]);
    const other = site.chooseOther(now, wish, tried);
    // The policy is the program's, which may have ended the call in it.
    if (this.#call.settled) return undefined;
    return other?.status === 'open' && site.health.admits(other, now) ? other : undefined;
  }

  /** `gone` is out; the other one is the attempt under way. */
  #handOn(gone: Attempt): void {
    const first = this.#first as Attempt;
    this.#first = undefined;
    if (gone !== first) this.#call.attempt = first;
  }

  #end(attempt: Attempt, code: string): void {
    const call = this.#call;
    const error = new ClerkError('ABORTED', `${attempt.candidate.endpoint.id} was not waited for any more`);
    this.#trip.note(attempt, 'ignored', code, call.site.clock.now() - attempt.beganAt, error);
    call.over(attempt);
    attempt.abandon(error);
  }

  #limitOf(attempt: Attempt, now: number): number {
    return Math.ceil(attempt.beganAt + this.#call.window.limitAt(now));
  }

  /** Until the next thing that time brings. */
  #wait(now: number): void {
    const call = this.#call;
    const limits = [this.#first, call.attempt].flatMap((one) => (one ? [this.#limitOf(one, now)] : []));
    call.site.wheel.set(call, Math.min(call.deadlineAt, this.#beginsAt, ...limits));
  }
}
