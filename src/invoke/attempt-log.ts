/** What one call has been through: its attempts, whether it may have run, and the errors that tell of it. */
import type { CallKind } from '../core/idempotency.js';
import type { ConnectedCandidate } from '../core/candidate.js';
import {
  ClerkError,
  isClerkError,
  errorMessage,
  type ClerkErrorCode,
  type Execution,
} from '../core/errors.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import { hasCode } from './classify-error.js';
import type { CallContext } from './call-context.js';

/** An attempt, as far as it is told of. */
export interface AttemptRecord {
  readonly candidate: ConnectedCandidate;
  /** The address that was used. */
  readonly address: { readonly text: string };
  /** First is 1. */
  readonly number: number;
  readonly pickReason: string;
  /** How far it got. */
  readonly stage: Stage;
}

/** What an account must know of its call. */
export interface AttemptLogOptions {
  readonly kind: CallKind;
  readonly startedAt: number;
  /** May change until the first attempt: the service's record may set it. */
  deadlineAt: number;
}

/** See the file's header. */
export class AttemptLog {
  readonly outcomes: Outcome[] = [];
  #mayHaveRun = false;

  constructor(
    readonly context: CallContext,
    readonly options: AttemptLogOptions,
  ) {}

  /** Whether the call may have run so far, over all attempts. @see promises C3.2 */
  get execution(): Execution {
    return this.#mayHaveRun ? 'unknown' : 'none';
  }

  /** Notes an attempt that ended and tells those who watch. */
  record(
    { candidate, address, number, pickReason, stage }: AttemptRecord,
    verdict: Verdict,
    code: string,
    durationMs: number,
    error?: unknown,
  ): Outcome {
    const outcome: Outcome = Object.freeze({
      attempt: number,
      endpoint: candidate.endpoint.id,
      address: address.text,
      pickReason,
      stage,
      verdict,
      code,
      durationMs: Math.round(durationMs * 100) / 100,
      ...(error === undefined ? undefined : { error }),
    });
    this.outcomes.push(outcome);
    if (stage !== 'waiting') this.#mayHaveRun = true;
    const { reporter, name } = this.context;
    if (reporter.hasListeners('attempt')) reporter.emit('attempt', { name, outcome });
    return outcome;
  }

  /** The error of a call whose time ran out. */
  deadlineError(): ClerkError {
    const { startedAt, deadlineAt } = this.options;
    const progress =
      this.outcomes.length === 0
        ? 'before anybody could be asked'
        : `after ${plural(this.outcomes.length, 'attempt')}`;
    return this.#lastAttemptError(
      'DEADLINE_EXCEEDED',
      `Call of ${this.context.name} did not end within its ${String(Math.round(deadlineAt - startedAt))} ms: time ran out ${progress}`,
    );
  }

  /** The error of a call that was sent, whose answer was lost, and that may not be sent again. */
  outcomeUnknownError(): ClerkError {
    const reason =
      this.options.kind === 'once'
        ? "its kind is 'once'; give it kind: 'idempotent' if running it twice does no harm"
        : 'its body can be read only once';
    return this.#lastAttemptError(
      'OUTCOME_UNKNOWN',
      `Call of ${this.context.name} was sent, its answer was lost (${this.#lastCode()}), and it was not repeated, since ${reason}`,
    );
  }

  /** The error of a call whose answer broke off after the program had its head. */
  truncatedError(code: string, error: Error): ClerkError {
    return new ClerkError('OUTCOME_UNKNOWN', `The answer of ${this.context.name} broke off (${code})`, {
      execution: 'done',
      outcomes: this.outcomes,
      cause: error,
    });
  }

  /** The error of a call that nobody answered. */
  exhaustedError(): ClerkError {
    const ms = Math.round(this.context.clock.now() - this.options.startedAt);
    const last = this.#lastCode();
    return this.#lastAttemptError(
      this.options.kind === 'once' && this.#mayHaveRun ? 'OUTCOME_UNKNOWN' : 'ENDPOINTS_EXHAUSTED',
      `No endpoint of ${this.context.name} answered: ${plural(this.outcomes.length, 'attempt')} in ${String(ms)} ms, the last one ended with ${last}`,
    );
  }

  /** The error of a call whose repeat the budget refused. */
  budgetError(): ClerkError {
    return this.#lastAttemptError(
      'BUDGET_EXHAUSTED',
      `Call of ${this.context.name} failed (${this.#lastCode()}) and was not repeated: the retry budget of the last 10 s is spent, which means that the service as a whole is in trouble`,
    );
  }

  /** The error of a call that failed while a repeat was being served: whoever repeats that has repeated this too. */
  nestedRetryError(): ClerkError {
    return this.#lastAttemptError(
      'BUDGET_EXHAUSTED',
      `Call of ${this.context.name} failed (${this.#lastCode()}) and was not repeated, since it serves a call that is a repeat itself: one layer repeats, or repeats would multiply`,
    );
  }

  /** The error of a call that the program aborted. */
  abortedError(reason: unknown): ClerkError {
    return this.#createError('ABORTED', `Call of ${this.context.name} was aborted by its caller`, reason);
  }

  /** The error of a call whose own body failed while it was sent. */
  requestBodyError(error: Error): ClerkError {
    return this.#createError(
      'ABORTED',
      `The body of a call of ${this.context.name} failed while it was sent: ${error.message}`,
      error,
    );
  }

  /** The error of a call in the middle of which the program's own callback threw. */
  callbackError(error: Error): ClerkError {
    return this.#createError(
      'ABORTED',
      `A call of ${this.context.name} was given up, since a callback of the program threw: ${errorMessage(error)}`,
      error,
    );
  }

  /** An error from elsewhere that ends this call: the same, with what the call has been through. */
  withCallDetails(error: Error): ClerkError {
    return this.#createError(
      isClerkError(error) ? error.code : 'CLERK_CLOSED',
      error.message,
      error.cause ?? error,
    );
  }

  /** Caused by what the last attempt failed with. */
  #lastAttemptError(code: ClerkErrorCode, message: string): ClerkError {
    return this.#createError(code, message, this.outcomes.at(-1)?.error);
  }

  #createError(code: ClerkErrorCode, message: string, cause: unknown): ClerkError {
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
          : errorMessage(last.error);
  }
}

function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}
