import { isClerkError } from '../core/errors.js';
import { AbandonedError, type Attempt } from './attempt.js';
import type { AttemptLog } from './attempt-log.js';
import { withCallDetails } from './call-errors.js';
import type { FailureCause } from './retry-decision.js';
import { classifyError, wrapCallerError, type ErrorClass } from './classify-error.js';

export interface AttemptFailure extends ErrorClass {
  readonly cause: FailureCause;
}

export function attemptFailure(attempt: Attempt, error: Error): AttemptFailure {
  if (isRemoved(attempt, error)) return { cause: 'removed' };
  const errorClass = classifyError(error, attempt);
  return { ...errorClass, cause: causeOf(errorClass) };
}

export function callErrorOf({ endsCall }: AttemptFailure, error: Error, log: AttemptLog): Error {
  if (endsCall === undefined) return error;
  // A `ClerkError` keeps its code. For example, a destroyed clerk ends the call with `CLERK_CLOSED`.
  if (isClerkError(error)) return withCallDetails(log, error);
  return wrapCallerError(endsCall, log.context.name, error, {
    execution: log.execution,
    outcomes: log.outcomes,
  });
}

function isRemoved({ stage }: Attempt, error: Error): boolean {
  const isClosed = isClerkError(error) && error.code === 'CLERK_CLOSED';
  return (stage === 'waiting' && isClosed) || error instanceof AbandonedError;
}

function causeOf({ endsCall }: ErrorClass): FailureCause {
  if (endsCall === undefined) return 'network';
  return endsCall === 'RESPONSE_INVALID' ? 'invalid-response' : 'caller';
}
