import { ClerkError, errorMessage, isClerkError, type ClerkErrorCode } from '../core/errors.js';
import { isTlsMismatch } from '../core/tls-mismatch.js';
import type { AttemptLog } from './attempt-log.js';
import type { CallAttempt } from './call-attempt.js';
import { reachedDeadline } from './call-deadline.js';
import { isUnproven } from './classify-error.js';
import { hasCode } from './error-code.js';

export function deadlineError(log: AttemptLog): ClerkError {
  const attempts = log.outcomes.length;
  const waitedFor = log.waitedFor ?? (attempts === 0 ? log.context.registryFailure : undefined);
  const last = log.outcomes.at(-1);
  const reason =
    last?.stage === 'answered' && log.call.hasRun === true
      ? 'the response body was not complete'
      : (reachedLimit(log) ?? waitedFor?.message ?? noResponseReason(last?.error));
  return createError(
    log,
    'DEADLINE_EXCEEDED',
    `Call to ${log.context.name} exceeded ${limitOf(log)} ${
      attempts === 0 ? 'before the first attempt' : `after ${plural(attempts, 'attempt')}`
    }${reason === undefined ? '' : `: ${reason}`}`,
    causeOf(log) ?? (contradicts(waitedFor, log) ? undefined : waitedFor),
  );
}

/** Returns the message of an error of {@link noResponseError}, which names the endpoint; undefined for other errors. */
function noResponseReason(error: unknown): string | undefined {
  return isClerkError(error) && error.code === 'DEADLINE_EXCEEDED' ? error.message : undefined;
}

function limitOf({ call, context }: AttemptLog): string {
  const { startedAt, deadlineAt, deadline } = call;
  const endedMs = deadlineAt - startedAt;
  return deadline === undefined
    ? `its deadline of ${String(Math.ceil(endedMs))} ms`
    : reachedDeadline(deadline, context.serviceTimeoutMs, endedMs);
}

/** Returns `LIMIT_EXCEEDED` if the attempt waited for a free connection. If not, returns `DEADLINE_EXCEEDED`. */
export function noResponseError(attempt: CallAttempt, hasRun: boolean, now: number): ClerkError {
  const { candidate, startedAt, stage } = attempt;
  const { id } = candidate.endpoint;
  const time = `${String(Math.round(now - startedAt))} ms`;
  const limit = attempt.queuedBy?.();
  if (limit === undefined) {
    const messages = {
      waiting: `Endpoint ${id} accepted no connection within ${time}`,
      sent: `Endpoint ${id} did not respond within ${time}`,
      answered: `The response body of endpoint ${id} was not complete within ${time}`,
    };
    const mayHaveRun = stage === 'answered' && hasRun ? 'done' : 'unknown';
    return new ClerkError('DEADLINE_EXCEEDED', messages[stage], {
      execution: stage === 'waiting' ? 'none' : mayHaveRun,
    });
  }
  const { option, value } = limit;
  const inUse =
    option === 'maxSockets'
      ? `${value === 1 ? 'the only socket' : `all ${String(value)} sockets`} of the clerk`
      : `${value === 1 ? 'the only connection' : `all ${String(value)} connections`} to the endpoint`;
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `An attempt at endpoint ${id} waited ${time} for a connection and was not sent, since ${inUse} ${value === 1 ? 'was' : 'were'} in use. Raise the option ${option} of createClerk(), or make fewer calls at a time. An unread response body keeps its connection in use, so read or discard each body`,
  );
}

export function outcomeUnknownError(log: AttemptLog): ClerkError {
  const { call, outcomes, context } = log;
  const retries = outcomes.filter(({ stage }) => stage !== 'waiting').length - 1;
  if (call.kind === 'once' && retries > 0)
    return lastAttemptError(
      log,
      'OUTCOME_UNKNOWN',
      `Call to ${context.name} was sent and its response was lost; ${retries === 1 ? '1 retry' : `${String(retries)} retries`} with the same idempotency key did not get the response (last result: ${lastCode(log)})`,
    );
  const reason =
    call.kind === 'once'
      ? "its kind is 'once'; set kind: 'idempotent' if a second execution does no harm"
      : 'its request body can be read only once; pass a string or bytes to allow a retry';
  const lost = call.hasRun === true ? 'its response body ended early' : 'its response was lost';
  return lastAttemptError(
    log,
    'OUTCOME_UNKNOWN',
    `Call to ${context.name} was sent and ${lost} (${lastCode(log)}). The call was not retried because ${reason}`,
  );
}

export function truncatedError(log: AttemptLog, code: string, cause: Error): ClerkError {
  return new ClerkError(
    'OUTCOME_UNKNOWN',
    `Response body of ${log.context.name} ended early (${code}) after the caller had received the headers, so the call was not retried`,
    {
      execution: log.execution,
      outcomes: log.outcomes,
      cause,
    },
  );
}

/**
 * Returns `ENDPOINT_UNPROVEN` if no endpoint proved its key, and `OUTCOME_UNKNOWN` for a 'once' call that may have been
 * executed. Returns `ENDPOINTS_EXHAUSTED` for any other call.
 */
export function exhaustedError(log: AttemptLog): ClerkError {
  const { name, clock } = log.context;
  const ms = Math.round(clock.now() - log.call.startedAt);
  const limit = reachedLimit(log);
  const { outcomes } = log;
  if (outcomes.length > 0 && outcomes.every(({ error }) => isUnproven(error)))
    return lastAttemptError(
      log,
      'ENDPOINT_UNPROVEN',
      `No endpoint of ${name} proved its key, so the call was not sent: ${errorMessage(outcomes.at(-1)?.error)}`,
    );
  return lastAttemptError(
    log,
    log.call.kind === 'once' && log.execution !== 'none' ? 'OUTCOME_UNKNOWN' : 'ENDPOINTS_EXHAUSTED',
    limit === undefined
      ? `No endpoint of ${name} ${log.call.hasRun === true ? 'sent a complete response' : 'responded'}: ${plural(log.outcomes.length, 'attempt')} in ${String(ms)} ms, ${isTlsMismatch(outcomes.at(-1)?.error) ? lastCode(log) : `the last attempt failed with ${lastCode(log)}`}`
      : `Call to ${name} was not sent: ${limit}`,
  );
}

export function budgetError(log: AttemptLog): ClerkError {
  return lastAttemptError(
    log,
    'BUDGET_EXHAUSTED',
    `Call to ${log.context.name} failed (${lastCode(log)}) and was not retried because the retry budget of the service is used up: too many calls to the service failed in the last 10 s`,
  );
}

export function retriesOffError(log: AttemptLog): ClerkError {
  return lastAttemptError(
    log,
    'OUTCOME_UNKNOWN',
    `Call to ${log.context.name} was sent and failed (${lastCode(log)}); the call was not retried because the option retries of the call is false`,
  );
}

export function nestedRetryError(log: AttemptLog): ClerkError {
  return lastAttemptError(
    log,
    'BUDGET_EXHAUSTED',
    `Call to ${log.context.name} failed (${lastCode(log)}) and was not retried because the program is serving an inbound request that is itself a retry, and only one layer of services retries`,
  );
}

export function abortedError(log: AttemptLog, reason: unknown): ClerkError {
  return createError(log, 'ABORTED', `Call to ${log.context.name} was aborted by its caller`, reason);
}

export function requestBodyError(log: AttemptLog, error: Error): ClerkError {
  return createError(
    log,
    'ABORTED',
    `Call to ${log.context.name} was aborted because its request body could not be read: ${error.message}`,
    error,
  );
}

/** An error of this library, such as the error for a body above the size limit, keeps its code. */
export function callbackError(log: AttemptLog, error: Error): ClerkError {
  if (isClerkError(error)) return withCallDetails(log, error);
  return createError(
    log,
    'ABORTED',
    `Call to ${log.context.name} was aborted because a callback of the program threw: ${errorMessage(error)}`,
    error,
  );
}

export function withCallDetails(log: AttemptLog, error: Error): ClerkError {
  return createError(
    log,
    isClerkError(error) ? error.code : 'CLERK_CLOSED',
    error.message,
    isClerkError(error) ? agreeingCause(log, error.cause) : error,
  );
}

/**
 * The cause may be the error of another request, such as a start, and state the execution of that request. Returns the
 * first error in the chain of causes that does not contradict the error of the call; undefined if there is none.
 */
function agreeingCause(log: AttemptLog, cause: unknown): unknown {
  return contradicts(cause, log) ? agreeingCause(log, (cause as ClerkError).cause) : cause;
}

function lastAttemptError(log: AttemptLog, code: ClerkErrorCode, message: string): ClerkError {
  return createError(log, code, message, causeOf(log));
}

/**
 * Returns the error of the last attempt whose error does not contradict the error of the call. The last attempt may not
 * have been sent, although an earlier attempt may have run. @see [C3.2](../../docs/guarantees.md#c3-2)
 */
function causeOf(log: AttemptLog): unknown {
  return log.outcomes.findLast(({ error }) => !contradicts(error, log))?.error;
}

function contradicts(error: unknown, { execution }: AttemptLog): boolean {
  return isClerkError(error) && error.execution !== execution;
}

function createError(
  { execution, outcomes, call: { callId } }: AttemptLog,
  code: ClerkErrorCode,
  message: string,
  cause: unknown,
): ClerkError {
  const mayBeRecorded = callId !== undefined && execution === 'unknown';
  return new ClerkError(
    code,
    mayBeRecorded ? `${message}; the call with the id ${callId} may have run` : message,
    {
      execution,
      outcomes,
      ...(mayBeRecorded && { callId }),
      ...(cause === undefined ? undefined : { cause }),
    },
  );
}

function reachedLimit({ outcomes }: AttemptLog): string | undefined {
  const errors = outcomes.map(({ error }) => error);
  const last = errors.at(-1);
  const waited = errors.every((error) => isClerkError(error) && error.code === 'LIMIT_EXCEEDED');
  return waited && isClerkError(last) ? last.message : undefined;
}

function lastCode({ outcomes }: AttemptLog): string {
  const last = outcomes.at(-1);
  if (last === undefined) return 'nothing';
  const { code, error } = last;
  if (error === undefined) return code;
  return hasCode(error) && !isTlsMismatch(error) ? error.code : errorMessage(error);
}

function plural(count: number, noun: string): string {
  return `${String(count)} ${noun}${count === 1 ? '' : 's'}`;
}
