/**
 * The errors with which a call ends. Each one carries the outcomes of the attempts and whether the call may have run.
 */
import { ClerkError, errorMessage, isClerkError, type ClerkErrorCode } from '../core/errors.js';
import type { AttemptLog } from './attempt-log.js';
import { hasCode } from './classify-error.js';

/** `DEADLINE_EXCEEDED`: the time of the call ran out. */
export function deadlineError(log: AttemptLog): ClerkError {
  const { startedAt, deadlineAt } = log.options;
  const attempts = log.outcomes.length;
  return lastAttemptError(
    log,
    'DEADLINE_EXCEEDED',
    `Call to ${log.context.name} exceeded its deadline of ${String(Math.round(deadlineAt - startedAt))} ms ${
      attempts === 0 ? 'before the first attempt' : `after ${plural(attempts, 'attempt')}`
    }`,
  );
}

/** `OUTCOME_UNKNOWN`: the request was sent, the response was lost, and the request must not be sent again. */
export function outcomeUnknownError(log: AttemptLog): ClerkError {
  const reason =
    log.options.kind === 'once'
      ? "its kind is 'once'; set kind: 'idempotent' if running it twice does no harm"
      : 'its body can be read only once';
  return lastAttemptError(
    log,
    'OUTCOME_UNKNOWN',
    `Call to ${log.context.name} was sent, its response was lost (${lastCode(log)}), and it was not retried because ${reason}`,
  );
}

/** `OUTCOME_UNKNOWN`: the body broke off after the caller had the response headers. */
export function truncatedError(log: AttemptLog, code: string, cause: Error): ClerkError {
  return new ClerkError('OUTCOME_UNKNOWN', `Response of ${log.context.name} was truncated (${code})`, {
    execution: 'done',
    outcomes: log.outcomes,
    cause,
  });
}

/** `ENDPOINTS_EXHAUSTED`: no endpoint is left to try. `OUTCOME_UNKNOWN` for a 'once' call that may have run. */
export function exhaustedError(log: AttemptLog): ClerkError {
  const { name, clock } = log.context;
  const ms = Math.round(clock.now() - log.options.startedAt);
  return lastAttemptError(
    log,
    log.options.kind === 'once' && log.execution !== 'none' ? 'OUTCOME_UNKNOWN' : 'ENDPOINTS_EXHAUSTED',
    `No endpoint of ${name} responded: ${plural(log.outcomes.length, 'attempt')} in ${String(ms)} ms, the last one failed with ${lastCode(log)}`,
  );
}

/** `BUDGET_EXHAUSTED`: the retry budget refused the retry. */
export function budgetError(log: AttemptLog): ClerkError {
  return lastAttemptError(
    log,
    'BUDGET_EXHAUSTED',
    `Call to ${log.context.name} failed (${lastCode(log)}) and was not retried because the retry budget of the last 10 s is exhausted; too many calls to this service fail`,
  );
}

/** `BUDGET_EXHAUSTED`: the request being served is a retry, so the layer above already retries this call. */
export function nestedRetryError(log: AttemptLog): ClerkError {
  return lastAttemptError(
    log,
    'BUDGET_EXHAUSTED',
    `Call to ${log.context.name} failed (${lastCode(log)}) and was not retried because the request being served is itself a retry (only one layer retries)`,
  );
}

/** `ABORTED`: the caller aborted the call. */
export function abortedError(log: AttemptLog, reason: unknown): ClerkError {
  return createError(log, 'ABORTED', `Call to ${log.context.name} was aborted by its caller`, reason);
}

/** `ABORTED`: the request body failed while it was sent. */
export function requestBodyError(log: AttemptLog, error: Error): ClerkError {
  return createError(
    log,
    'ABORTED',
    `Call to ${log.context.name} was aborted because its request body failed: ${error.message}`,
    error,
  );
}

/** `ABORTED`: a callback of the caller threw. */
export function callbackError(log: AttemptLog, error: Error): ClerkError {
  return createError(
    log,
    'ABORTED',
    `Call to ${log.context.name} was aborted because a callback of its handler threw: ${errorMessage(error)}`,
    error,
  );
}

/** A copy of an error that comes from outside the call, with the outcomes of the call. */
export function withCallDetails(log: AttemptLog, error: Error): ClerkError {
  return createError(
    log,
    isClerkError(error) ? error.code : 'CLERK_CLOSED',
    error.message,
    error.cause ?? error,
  );
}

/** Its cause is the error of the last attempt. */
function lastAttemptError(log: AttemptLog, code: ClerkErrorCode, message: string): ClerkError {
  return createError(log, code, message, log.outcomes.at(-1)?.error);
}

function createError(
  { execution, outcomes }: AttemptLog,
  code: ClerkErrorCode,
  message: string,
  cause: unknown,
): ClerkError {
  return new ClerkError(code, message, {
    execution,
    outcomes,
    ...(cause === undefined ? undefined : { cause }),
  });
}

function lastCode({ outcomes }: AttemptLog): string {
  const last = outcomes.at(-1);
  return last === undefined
    ? 'nothing'
    : last.error === undefined
      ? last.code
      : hasCode(last.error)
        ? last.error.code
        : errorMessage(last.error);
}

function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}
