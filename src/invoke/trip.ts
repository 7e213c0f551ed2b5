/**
 * One call on its way from endpoint to endpoint: who was tried, what became of it, who is next. Shared by everything
 * that calls; knows nothing of what a call carries.
 */
import type { Reachable } from '../core/candidate.js';
import { isClerkError } from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { Account, type AccountOptions, type Tried } from './account.js';
import { leastMs, mayRepeat, mostAttempts } from './rules.js';
import { scopeOf } from './once.js';
import type { Site, Wish } from './site.js';
import { isTooLittle } from './terms.js';

/** What a trip must know of its call. */
export interface TripOptions extends AccountOptions {
  readonly wish: Wish;
  /** Whether what the call carries can be sent twice. */
  readonly replayable: boolean;
  /** Whether what was sent may be sent again, if its kind allows it. */
  readonly repeats: boolean;
}

/** See the file's header. */
export class Trip extends Account {
  /** The call was settled: nothing more may be done for it. */
  settled = false;
  /** Ends the wait that is under way. */
  #stopWaiting: (() => void) | undefined;
  /** Wait this long before the next attempt, because the last answer asked for it. */
  pauseMs: number | undefined;
  readonly #tried = new Set<string>();
  #lastStage: Stage = 'waiting';
  #lastBeganAt = 0;
  /** Where the call is remembered, if it may have run and whoever may have run it remembers. */
  #scope: string | undefined;
  #lookedAgain = false;
  #startedAgain = false;
  #askedAgain = false;
  /** A repeat is set aside for the next attempt. */
  #paid = false;

  constructor(
    site: Site,
    override readonly options: TripOptions,
  ) {
    super(site, options);
  }

  /** Ids of the endpoints whose attempts have ended. */
  get tried(): ReadonlySet<string> {
    return this.#tried;
  }

  override note(tried: Tried, verdict: Verdict, code: string, ms: number, error?: unknown): Outcome {
    this.#tried.add(tried.candidate.endpoint.id);
    this.#lastStage = tried.stage;
    if (tried.stage !== 'waiting' && this.options.kind === 'once')
      this.#scope = scopeOf(tried.candidate.endpoint);
    this.#lastBeganAt = this.site.clock.now() - ms;
    return super.note(tried, verdict, code, ms, error);
  }

  /** Whether a running attempt at `stage` may be given up for another one, and pays for it if that costs. */
  mayMoveOn(stage: Stage, candidate: Reachable, now: number): boolean {
    const { kind, replayable, deadlineAt, wish } = this.options;
    const repeat = mayRepeat(kind, stage, replayable);
    if (repeat === 'never' || this.outcomes.length + 1 >= mostAttempts || deadlineAt - now < leastMs)
      return false;
    if (!this.site.hasOther(wish, new Set([...this.#tried, candidate.endpoint.id]))) return false;
    return this.#pays(stage !== 'waiting', now);
  }

  /** Whether most of its time is gone before the first attempt, and too little is left for one. @see promises C2.2 */
  isTooLate(now: number): boolean {
    const { startedAt, deadlineAt } = this.options;
    return isTooLittle(deadlineAt - now, now - startedAt);
  }

  /**
   * When to ask again whether a late attempt may be given up, after it might not: nobody else may have been open, or the
   * budget spent, and neither lasts. The deadline where it never may.
   */
  askAgainAt(stage: Stage, now: number): number {
    const { kind, replayable, deadlineAt } = this.options;
    return mayRepeat(kind, stage, replayable) === 'never'
      ? deadlineAt
      : Math.min(deadlineAt, now + askAgainMs);
  }

  /** Whether an answer that asks to be left alone for a while may be waited for; pays for the repeat. */
  mayWait(stage: Stage, waitMs: number, now: number): boolean {
    const { kind, replayable, deadlineAt } = this.options;
    if (mayRepeat(kind, stage, replayable) !== 'budget' || this.outcomes.length + 1 >= mostAttempts)
      return false;
    if (deadlineAt - now - waitMs < leastMs || !this.#pays(true, now)) return false;
    this.pauseMs = waitMs;
    return true;
  }

  /** Whether an answer that says "it did not run" is passed over for another try; pays for that. @see promises C3.5 */
  mayTakeBack(now: number): boolean {
    const { replayable, deadlineAt } = this.options;
    if (!replayable || this.outcomes.length + 1 >= mostAttempts || deadlineAt - now < leastMs) return false;
    return this.#pays(true, now);
  }

  /** Whether a call that is running already, after its answer was lost, may be asked for once more in a while. */
  mayAskAgain(waitMs: number, now: number): boolean {
    if (
      this.#scope === undefined ||
      !this.mayTakeBack(now) ||
      this.options.deadlineAt - now - waitMs < leastMs
    )
      return false;
    this.pauseMs = waitMs;
    return true;
  }

  /**
   * Finds who is asked next after a failure.
   *
   * @throws {@link ClerkError} when nobody may be: the error of the whole call
   */
  async next(): Promise<Reachable> {
    const { site } = this;
    const { kind, replayable, deadlineAt } = this.options;
    const scope = this.#scope;
    const repeat = mayRepeat(kind, this.#lastStage, replayable, scope !== undefined);
    if (repeat === 'never' || (kind === 'once' && this.execution !== 'none' && scope === undefined))
      throw this.lost();
    const wish = scope === undefined ? this.options.wish : { ...this.options.wish, scope };
    const { pauseMs } = this;
    if (pauseMs !== undefined) {
      this.pauseMs = undefined;
      this.#tried.clear();
      if (pauseMs > 0) await this.#wait(pauseMs);
    }
    let waited = true;
    for (;;) {
      // An answer that has run out is not used for a repeat either; what cannot be renewed comes back flagged stale.
      if (waited && !site.isWarm(site.clock.now())) await site.lookAgain(new Set(this.#tried));
      waited = false;
      const now = site.clock.now();
      this.goOn();
      if (deadlineAt - now < leastMs) throw this.late();
      if (this.outcomes.length >= mostAttempts) throw this.exhausted();
      const candidate = site.chooseOther(now, wish, this.#tried);
      if (candidate && site.health.admits(candidate, now)) {
        if (!this.#pays(false, now)) throw this.options.repeats ? this.overBudget() : this.secondLayer();
        return candidate;
      }
      if (candidate) {
        // It refuses, and its next dial is paced: waiting is worth it only if that is soon.
        const restsMs = site.health.restsUntil(candidate) - now;
        if (restsMs > patienceMs || restsMs > deadlineAt - now) throw this.exhausted();
        await this.#wait(Math.max(restsMs, 1));
        waited = true;
      } else if (!this.#lookedAgain) {
        this.#lookedAgain = true;
        await site.lookAgain(new Set(this.#tried));
      } else if (
        !this.#askedAgain &&
        mayRepeat(kind, 'sent', replayable, scope !== undefined) === 'budget' &&
        this.#forgive()
      ) {
        this.#askedAgain = true;
      } else if (this.#lastStage === 'waiting' && site.canStart && !this.#startedAgain) {
        this.#startedAgain = true;
        await this.#startAgain();
        this.#tried.clear();
        waited = true;
      } else {
        throw this.exhausted();
      }
    }
  }

  /**
   * Hands over what was set aside for the next attempt, if that costs anything. Whoever takes it says to the budget
   * whether it was spent.
   */
  takePayment(): boolean {
    const paid = this.#paid;
    this.#paid = false;
    return paid;
  }

  /** @throws when the call was settled meanwhile: nothing more may be done for it */
  goOn(): void {
    if (this.settled) throw this.lost();
  }

  /** The call is settled: ends a wait, and gives back what was set aside for a repeat. */
  end(): void {
    this.settled = true;
    this.#stopWaiting?.();
    if (this.takePayment()) this.site.budget.refund();
  }

  #wait(ms: number): Promise<void> {
    return this.site.wheel.pause(ms, (stop) => (this.#stopWaiting = stop));
  }

  /** Sets a repeat aside, once, where one was sent before or is being given up after it was. */
  #pays(sent: boolean, now: number): boolean {
    if (this.#paid || (!sent && this.execution === 'none')) return true;
    const { budget, canStart } = this.site;
    // What starts the service must not be kept from it by those who cannot reach it.
    const isLeft = !canStart || budget.available(now) > leftToStart;
    this.#paid = this.options.repeats && isLeft && budget.tryWithdraw(now);
    return this.#paid;
  }

  /**
   * Nobody else is left: those that may only have been slow, and the one whose connection was cut, perhaps while it was
   * idle, may be asked once more.
   *
   * @returns whether there is any
   */
  #forgive(): boolean {
    const cut = this.outcomes.at(-1);
    const before = this.#tried.size;
    for (const { code, endpoint } of this.outcomes) {
      if (code === 'ATTEMPT_TIMEOUT') this.#tried.delete(endpoint);
    }
    if (cut && cut.stage !== 'waiting') this.#tried.delete(cut.endpoint);
    return this.#tried.size < before;
  }

  /** Nobody is there. Why there is nobody to start is an error of this call, with what it has been through. */
  async #startAgain(): Promise<void> {
    try {
      await this.site.startAgain(this.#lastBeganAt);
    } catch (error) {
      throw isClerkError(error) ? this.endedBy(error) : error;
    }
  }
}

/** Of the budget so many are left to starts, where the service can be started. */
const leftToStart = 1;

/** How often a late attempt is looked at again, in ms. */
const askAgainMs = 100;

/** Longest wait for an endpoint that refuses, in ms. */
export const patienceMs = 250;
