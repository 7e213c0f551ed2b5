/**
 * One call on its way from endpoint to endpoint: who was tried, what became of it, who is next. Shared by everything
 * that calls; knows nothing of what a call carries.
 */
import type { Kind } from '../core/call.js';
import type { Reachable } from '../core/candidate.js';
import { ClerkError, isClerkError, reasonOf, type ClerkErrorCode, type Execution } from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { hasCode } from './classify.js';
import { leastMs, mayRepeat, mostAttempts } from './rules.js';
import type { Site, Wish } from './site.js';
import type { WheelEntry } from './wheel.js';

/** How a trip may be cut short. */
export interface TripOptions {
  readonly kind: Kind;
  readonly wish: Wish;
  /** Whether what the call carries can be sent twice. */
  readonly replayable: boolean;
  readonly startedAt: number;
  readonly deadlineAt: number;
}

/** See the file's header. */
export class Trip {
  /** The call was settled: nothing more may be done for it. */
  settled = false;
  /** Wait this long before the next attempt, because the last answer asked for it. */
  pauseMs: number | undefined;
  readonly outcomes: Outcome[] = [];
  readonly #tried = new Set<string>();
  #stage: Stage = 'waiting';
  #lastStage: Stage = 'waiting';
  #lastBeganAt = 0;
  #lookedAgain = false;
  #startedAgain = false;
  #askedAgain = false;
  /** A repeat is set aside for the next attempt. */
  #paid = false;

  constructor(
    readonly site: Site,
    readonly options: TripOptions,
  ) {}

  /** Whether the call may have run so far, over all attempts. @see promises C3.2 */
  get execution(): Execution {
    return this.#stage === 'waiting' ? 'none' : 'unknown';
  }

  /** Notes an attempt that ended and tells those who watch. */
  note(
    candidate: Reachable,
    address: string,
    number: number,
    chosen: string,
    stage: Stage,
    verdict: Verdict,
    code: string,
    ms: number,
    error?: unknown,
  ): Outcome {
    const outcome: Outcome = Object.freeze({
      number,
      endpoint: candidate.endpoint.id,
      address,
      chosen,
      stage,
      verdict,
      code,
      ms: Math.round(ms * 100) / 100,
      ...(error === undefined ? undefined : { error }),
    });
    this.outcomes.push(outcome);
    this.#tried.add(candidate.endpoint.id);
    this.#lastStage = stage;
    this.#lastBeganAt = this.site.clock.now() - ms;
    if (stage !== 'waiting') this.#stage = stage;
    if (this.site.reporter.wants('attempt'))
      this.site.reporter.report('attempt', { name: this.site.name, outcome });
    return outcome;
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

  /** Whether an answer that asks to be left alone for a while may be waited for; pays for the repeat. */
  mayWait(stage: Stage, waitMs: number, now: number): boolean {
    const { kind, replayable, deadlineAt } = this.options;
    if (mayRepeat(kind, stage, replayable) !== 'budget' || this.outcomes.length + 1 >= mostAttempts)
      return false;
    if (deadlineAt - now - waitMs < leastMs || !this.#pays(true, now)) return false;
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
    const { kind, wish, replayable, deadlineAt } = this.options;
    const repeat = mayRepeat(kind, this.#lastStage, replayable);
    if (repeat === 'never' || (kind === 'once' && this.#stage !== 'waiting')) throw this.lost();
    const { pauseMs } = this;
    if (pauseMs !== undefined) {
      this.pauseMs = undefined;
      this.#tried.clear();
      if (pauseMs > 0) await pause(site, pauseMs);
    }
    let waited = true;
    for (;;) {
      // An answer that has run out is not used for a repeat either; what cannot be renewed comes back flagged stale.
      if (waited && !site.isWarm(site.clock.now())) await site.lookAgain(new Set(this.#tried));
      waited = false;
      const now = site.clock.now();
      if (this.settled) throw this.lost();
      if (deadlineAt - now < leastMs) throw this.late();
      if (this.outcomes.length >= mostAttempts) throw this.exhausted();
      const candidate = site.chooseOther(now, wish, this.#tried);
      if (candidate && site.health.admits(candidate, now)) {
        if (!this.#pays(false, now)) throw this.overBudget();
        return candidate;
      }
      if (candidate) {
        // It refuses, and its next dial is paced: waiting is worth it only if that is soon.
        const restsMs = site.health.restsUntil(candidate) - now;
        if (restsMs > patienceMs || restsMs > deadlineAt - now) throw this.exhausted();
        await pause(site, Math.max(restsMs, 1));
        waited = true;
      } else if (!this.#lookedAgain) {
        this.#lookedAgain = true;
        await site.lookAgain(new Set(this.#tried));
      } else if (!this.#askedAgain && mayRepeat(kind, 'sent', replayable) === 'budget' && this.#forgive()) {
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

  /** Sets a repeat aside, once, where one was sent before or is being given up after it was. */
  #pays(sent: boolean, now: number): boolean {
    if (this.#paid || (!sent && this.#stage === 'waiting')) return true;
    this.#paid = this.site.budget.tryWithdraw(now);
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
      if (!isClerkError(error)) throw error;
      throw new ClerkError(error.code, error.message, {
        execution: this.execution,
        outcomes: this.outcomes,
        cause: error.cause ?? error,
      });
    }
  }

  /** The error of a call whose time ran out. */
  late(): ClerkError {
    const { startedAt, deadlineAt } = this.options;
    const what =
      this.outcomes.length === 0
        ? 'before anybody could be asked'
        : `after ${plural(this.outcomes.length, 'attempt')}`;
    return this.#error(
      'DEADLINE_EXCEEDED',
      `Call of ${this.site.name} did not end within its ${String(Math.round(deadlineAt - startedAt))} ms: time ran out ${what}`,
    );
  }

  /** The error of a call that was sent, whose answer was lost, and that may not be sent again. */
  lost(): ClerkError {
    const why =
      this.options.kind === 'once'
        ? "its kind is 'once'; give it kind: 'idempotent' if running it twice does no harm"
        : 'its body can be read only once';
    return this.#error(
      'OUTCOME_UNKNOWN',
      `Call of ${this.site.name} was sent, its answer was lost (${this.#lastCode()}), and it was not repeated, since ${why}`,
    );
  }

  /** The error of a call that nobody answered. */
  exhausted(): ClerkError {
    const ms = Math.round(this.site.clock.now() - this.options.startedAt);
    const last = this.#lastCode();
    return this.#error(
      'ENDPOINTS_EXHAUSTED',
      `No endpoint of ${this.site.name} answered: ${plural(this.outcomes.length, 'attempt')} in ${String(ms)} ms, the last one ended with ${last}`,
    );
  }

  /** The error of a call whose repeat the budget refused. */
  overBudget(): ClerkError {
    return this.#error(
      'BUDGET_EXHAUSTED',
      `Call of ${this.site.name} failed (${this.#lastCode()}) and was not repeated: the retry budget of the last 10 s is spent, which means that the service as a whole is in trouble`,
    );
  }

  /** The error of a call that the program aborted. */
  aborted(reason: unknown): ClerkError {
    return new ClerkError('ABORTED', `Call of ${this.site.name} was aborted by its caller`, {
      execution: this.execution,
      outcomes: this.outcomes,
      cause: reason,
    });
  }

  /** The error of a call whose own body failed while it was sent. */
  bodyFailed(error: Error): ClerkError {
    return new ClerkError(
      'ABORTED',
      `The body of a call of ${this.site.name} failed while it was sent: ${error.message}`,
      { execution: this.execution, outcomes: this.outcomes, cause: error },
    );
  }

  /** The error of a call that ended with its clerk. */
  cut(error: Error): ClerkError {
    const code = isClerkError(error) ? error.code : 'CLOSED';
    return new ClerkError(code, error.message, {
      execution: this.execution,
      outcomes: this.outcomes,
      cause: error.cause ?? error,
    });
  }

  #error(code: ClerkErrorCode, message: string): ClerkError {
    const cause = this.outcomes.at(-1)?.error;
    return new ClerkError(code, message, {
      execution: this.execution,
      outcomes: this.outcomes,
      ...(cause === undefined ? undefined : { cause }),
    });
  }

  #lastCode(): string {
    const last = this.outcomes.at(-1);
    return last === undefined
      ? 'nothing'
      : last.error === undefined
        ? last.code
        : hasCode(last.error)
          ? last.error.code
          : reasonOf(last.error);
  }
}

/** Longest wait for an endpoint that refuses, in ms. */
export const patienceMs = 250;

function pause(site: Site, ms: number): Promise<void> {
  return new Promise((resolve) => {
    const entry: WheelEntry = {
      expiresAt: 0,
      previous: undefined,
      next: undefined,
      expire: () => resolve(),
      cut: () => resolve(),
    };
    site.wheel.set(entry, site.clock.now() + ms);
  });
}

function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}
