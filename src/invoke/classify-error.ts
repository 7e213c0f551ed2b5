/**
 * Classifies the errors of attempts. A network error is classified by the stage that the attempt reached, never by the
 * code of the error. An `ECONNRESET`, for example, can occur before the request is written and after the request was
 * executed.
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

/** The code of a thrown value, for outcomes: the `code` of the value, otherwise the name of its class. */
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
 * undici's codes for requests that would fail at any endpoint, each with the code of the resulting {@link ClerkError}.
 */
const callerErrorCodes = new Map<string, ClerkErrorCode>([
  ['UND_ERR_INVALID_ARG', 'CONFIG_INVALID'],
  ['UND_ERR_NOT_SUPPORTED', 'CONFIG_INVALID'],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'CONFIG_INVALID'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'BODY_TOO_LARGE'],
  ['ERR_INVALID_ARG_TYPE', 'CONFIG_INVALID'],
]);

/**
 * The code of the {@link ClerkError} if the request or a limit of the caller caused the error. Undefined if the
 * endpoint may have caused the error.
 */
export function callerErrorCode(error: unknown): ClerkErrorCode | undefined {
  if (isClerkError(error)) return error.code;
  return callerErrorCodes.get(codeOf(error));
}

/** The evidence of a network error for health: `refused` if the request was not sent yet, otherwise `reset`. */
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
