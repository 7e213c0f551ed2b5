/**
 * Classifies the errors of attempts. A network error is classified by the stage that the attempt reached, never by the
 * code of the error. For example, `ECONNRESET` can occur before the request is written, but also after the endpoint has
 * executed the request.
 *
 * @see [C3](../../docs/guarantees.md#c3)
 */
import {
  ClerkError,
  errorMessage,
  isClerkError,
  type ClerkErrorCode,
  type ClerkErrorDetails,
} from '../core/errors.js';
import type { Evidence } from '../core/health.js';
import type { Stage } from '../core/outcome.js';

/**
 * Returns the code that outcomes state for a thrown value: the `code` of an error, otherwise its `name`. For a value
 * that is not an error, returns the type of the value. An `AggregateError` without a code has the code of its first
 * error.
 */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0 && !hasCode(error))
    return codeOf(error.errors[0]);
  if (hasCode(error)) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

/** Whether a value is an error with a `code`. */
export function hasCode(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string';
}

/**
 * Error codes of undici and Node for calls that would fail at any endpoint, each with the code of the resulting
 * {@link ClerkError}.
 */
const callerErrorCodes = new Map<string, ClerkErrorCode>([
  ['UND_ERR_INVALID_ARG', 'CONFIG_INVALID'],
  ['UND_ERR_NOT_SUPPORTED', 'CONFIG_INVALID'],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'CONFIG_INVALID'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'BODY_TOO_LARGE'],
  ['ERR_INVALID_ARG_TYPE', 'CONFIG_INVALID'],
]);

/**
 * Returns the code of the resulting {@link ClerkError} if the caller caused the error, by an invalid request or a size
 * limit. Returns undefined if the endpoint may have caused the error.
 */
export function callerErrorCode(error: unknown): ClerkErrorCode | undefined {
  if (isClerkError(error)) return error.code;
  return callerErrorCodes.get(codeOf(error));
}

/**
 * Returns how health counts a network error of an attempt: as `refused` if the request was not sent yet, otherwise as
 * `reset`.
 */
export function evidenceOf(stage: Stage): Evidence {
  return stage === 'waiting' ? 'refused' : 'reset';
}

/** Wraps an error that the caller caused in a {@link ClerkError}. */
export function wrapCallerError(
  code: ClerkErrorCode,
  name: string,
  error: unknown,
  { execution, outcomes }: Pick<ClerkErrorDetails, 'execution' | 'outcomes'> = {},
): ClerkError {
  if (isClerkError(error)) return error;
  const details = { cause: error, ...(execution && { execution }), ...(outcomes && { outcomes }) };
  if (code === 'BODY_TOO_LARGE') {
    const message = `Response of ${name} exceeds maxResponseSize; raise maxResponseSize or request a smaller response`;
    return new ClerkError(code, message, { ...details, execution: 'done' });
  }
  return new ClerkError(code, `Request to ${name} is invalid: ${errorMessage(error)}`, details);
}

/** Whether a status counts as a failure of the endpoint: 5xx except 501. */
export function isFailureStatus(statusCode: number): boolean {
  return statusCode >= 500 && statusCode !== 501;
}
