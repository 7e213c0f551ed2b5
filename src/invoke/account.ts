/** What one call has been through: its attempts, whether it may have run, and the errors that tell of it. */
import type { Kind } from '../core/call.js';
import type { Reachable } from '../core/candidate.js';
import { ClerkError, isClerkError, reasonOf, type ClerkErrorCode, type Execution } from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { hasCode } from './classify.js';
import type { Site } from './site.js';

/** An attempt, as far as it is told of. */
export interface Tried {
  readonly candidate: Reachable;
  /** The address that was used. */
  readonly address: { readonly text: string };
  /** First is 1. */
  readonly number: number;
  readonly chosen: string;
  /** How far it got. */
  readonly stage: Stage;
}

/** What an account must know of its call. */
export interface AccountOptions {
  readonly kind: Kind;
  readonly startedAt: number;
  /** May change until the first attempt: the service's record may set it. */
  deadlineAt: number;
}

/** See the file's header. */
export class Account {
  readonly outcomes: Outcome[] = [];
  #sent = false;

  constructor(
    readonly site: Site,
    readonly options: AccountOptions,
  ) {}

  /** Whether the call may have run so far, over all attempts. @see promises C3.2 */
  get execution(): Execution {
    return this.#sent ? 'unknown' : 'none';
  }

  /** Notes an attempt that ended and tells those who watch. */
  note(
    { candidate, address, number, chosen, stage }: Tried,
    verdict: Verdict,
    code: string,
    ms: number,
    error?: unknown,
  ): Outcome {
    const outcome: Outcome = Object.freeze({
      number,
      endpoint: candidate.endpoint.id,
      address: address.text,
      chosen,
      stage,
      verdict,
      code,
      ms: Math.round(ms * 100) / 100,
      ...(error === undefined ? undefined : { error }),
    });
    this.outcomes.push(outcome);
    if (stage !== 'waiting') this.#sent = true;
    const { reporter, name } = this.site;
    if (reporter.wants('attempt')) reporter.report('attempt', { name, outcome });
    return outcome;
  }

  /** The error of a call whose time ran out. */
  late(): ClerkError {
    const { startedAt, deadlineAt } = this.options;
    const what =
      this.outcomes.length === 0
        ? 'before anybody could be asked'
        : `after ${plural(this.outcomes.length, 'attempt')}`;
    return this.#failed(
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
    return this.#failed(
      'OUTCOME_UNKNOWN',
      `Call of ${this.site.name} was sent, its answer was lost (${this.#lastCode()}), and it was not repeated, since ${why}`,
    );
  }

  /** The error of a call whose answer broke off after the program had its head. */
  brokenOff(code: string, error: Error): ClerkError {
    return new ClerkError('OUTCOME_UNKNOWN', `The answer of ${this.site.name} broke off (${code})`, {
      execution: 'done',
      outcomes: this.outcomes,
      cause: error,
    });
  }

  /** The error of a call that nobody answered. */
  exhausted(): ClerkError {
    const ms = Math.round(this.site.clock.now() - this.options.startedAt);
    const last = this.#lastCode();
    return this.#failed(
      this.options.kind === 'once' && this.#sent ? 'OUTCOME_UNKNOWN' : 'ENDPOINTS_EXHAUSTED',
      `No endpoint of ${this.site.name} answered: ${plural(this.outcomes.length, 'attempt')} in ${String(ms)} ms, the last one ended with ${last}`,
    );
  }

  /** The error of a call whose repeat the budget refused. */
  overBudget(): ClerkError {
    return this.#failed(
      'BUDGET_EXHAUSTED',
      `Call of ${this.site.name} failed (${this.#lastCode()}) and was not repeated: the retry budget of the last 10 s is spent, which means that the service as a whole is in trouble`,
    );
  }

  /** The error of a call that failed while a repeat was being served: whoever repeats that has repeated this too. */
  secondLayer(): ClerkError {
    return this.#failed(
      'BUDGET_EXHAUSTED',
      `Call of ${this.site.name} failed (${this.#lastCode()}) and was not repeated, since it serves a call that is a repeat itself: one layer repeats, or repeats would multiply`,
    );
  }

  /** The error of a call that the program aborted. */
  aborted(reason: unknown): ClerkError {
    return this.#error('ABORTED', `Call of ${this.site.name} was aborted by its caller`, reason);
  }

  /** The error of a call whose own body failed while it was sent. */
  bodyFailed(error: Error): ClerkError {
    return this.#error(
      'ABORTED',
      `The body of a call of ${this.site.name} failed while it was sent: ${error.message}`,
      error,
    );
  }

  /** The error of a call in the middle of which the program's own callback threw. */
  threw(error: Error): ClerkError {
    return this.#error(
      'ABORTED',
      `A call of ${this.site.name} was given up, since a callback of the program threw: ${reasonOf(error)}`,
      error,
    );
  }

  /** An error from elsewhere that ends this call: the same, with what the call has been through. */
  endedBy(error: Error): ClerkError {
    return this.#error(isClerkError(error) ? error.code : 'CLOSED', error.message, error.cause ?? error);
  }

  /** Caused by what the last attempt failed with. */
  #failed(code: ClerkErrorCode, message: string): ClerkError {
    return this.#error(code, message, this.outcomes.at(-1)?.error);
  }

  #error(code: ClerkErrorCode, message: string, cause: unknown): ClerkError {
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

function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}
