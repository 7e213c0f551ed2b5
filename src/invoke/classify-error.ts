/**
 * What a failed attempt means, decided by the stage it reached: one `ECONNRESET` comes from four stages, two before
 * and two after the request may have run, so no decision here looks at a network error's name.
 *
 * @see promises C3 (the table of stages)
 */
import {
  ClerkError,
  isClerkError,
  errorMessage,
  type ClerkErrorCode,
  type ClerkErrorDetails,
} from '../core/errors.js';
import type { Evidence } from '../core/health.js';
import type { Stage } from '../core/outcome.js';

/** The code of anything thrown, for records: its own code, else its name. */
export function codeOf(error: unknown): string {
  if (error instanceof AggregateError && error.errors.length > 0 && !hasCode(error))
    return codeOf(error.errors[0]);
  if (hasCode(error)) return error.code;
  return error instanceof Error ? error.name : typeof error;
}

/** Whether an error has a code of its own. */
export function hasCode(error: unknown): error is Error & { code: string } {
  return error instanceof Error && typeof (error as { code?: unknown }).code === 'string';
}

/** Faults of the request itself, which no endpoint can mend, by what undici calls them. */
const callerErrorCodes = new Map<string, ClerkErrorCode>([
  ['UND_ERR_INVALID_ARG', 'CONFIG_INVALID'],
  ['UND_ERR_NOT_SUPPORTED', 'CONFIG_INVALID'],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'CONFIG_INVALID'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'BODY_TOO_LARGE'],
  ['ERR_INVALID_ARG_TYPE', 'CONFIG_INVALID'],
]);

/** The code for a fault that is the caller's or of its limits, undefined for everything that an endpoint may be blamed for. */
export function callerErrorCode(error: unknown): ClerkErrorCode | undefined {
  if (isClerkError(error)) return error.code;
  return callerErrorCodes.get(codeOf(error));
}

/** What a broken attempt says of its endpoint: nothing connected is a refusal, a connection that broke is a reset. */
export function evidenceOf(stage: Stage): Evidence {
  return stage === 'waiting' ? 'refused' : 'reset';
}

/** Wraps a fault of the caller's. */
export function wrapCallerError(
  code: ClerkErrorCode,
  name: string,
  error: unknown,
  { execution, outcomes }: Pick<ClerkErrorDetails, 'execution' | 'outcomes'> = {},
): ClerkError {
  if (isClerkError(error)) return error;
  const details = { cause: error, ...(execution && { execution }), ...(outcomes && { outcomes }) };
  if (code === 'BODY_TOO_LARGE') {
    const message = `The answer of ${name} is larger than maxResponseSize allows`;
    return new ClerkError(code, message, { ...details, execution: 'done' });
  }
  return new ClerkError(
    code,
    `The request to ${name} cannot be sent as it is: ${errorMessage(error)}`,
    details,
  );
}

/** Whether an answer's status counts against the endpoint: 5xx but 501. */
export function isFailureStatus(statusCode: number): boolean {
  return statusCode >= 500 && statusCode !== 501;
}
