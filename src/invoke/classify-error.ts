/**
 * Classifies the errors of attempts. Only the stage of an attempt shows whether the call may have been executed. The
 * error code does not show it: `ECONNRESET`, for example, may occur before or after the execution. @see
 * [C3](../../docs/guarantees.md#c3)
 */
import {
  ClerkError,
  errorMessage,
  isClerkError,
  type ClerkErrorCode,
  type ClerkErrorDetails,
} from '../core/errors.js';
import type { Evidence } from '../core/health.js';
import { isLocalError } from '../core/local-errors.js';
import type { Stage } from '../core/outcome.js';
import { codeOf, hasCode } from './error-code.js';
import { isInvalidResponse } from './invalid-response.js';

export interface FailedAttempt {
  readonly stage: Stage;
  readonly statusCode: number;
  readonly accepted: boolean;
  readonly isGoAway?: boolean;
}

export interface ErrorClass {
  /** Code of the error that ends the call; undefined if the call may be retried. */
  readonly endsCall?: ClerkErrorCode;
  /** What the error shows about the endpoint. `responded`: the endpoint sent a response, valid or invalid. */
  readonly evidence?: Evidence | 'responded';
  /**
   * The endpoint closes the connection gracefully (HTTP/2 GOAWAY with NO_ERROR). A repeatable call is then retried
   * without using the retry budget.
   */
  readonly isGoAway?: true;
}

/** Classifies the error of an attempt. Must not be called for an error of the request body. */
export function classifyError(error: Error, attempt: FailedAttempt): ErrorClass {
  // Another program uses the address of the endpoint, or the endpoint has a new key. Both count as a refused
  // connection.
  if (isUnproven(error)) return { evidence: 'refused' };
  const code = callerErrorCode(error) ?? (attempt.accepted || hasCode(error) ? undefined : 'CONFIG_INVALID');
  if (code !== undefined) return { endsCall: code };
  if (isInvalidResponse(error, attempt.stage, attempt.statusCode))
    return { endsCall: 'RESPONSE_INVALID', evidence: 'responded' };
  if (attempt.stage === 'waiting') {
    if (isLocalError(error)) return {};
    if (gracefulGoAway.test(error.message)) return { isGoAway: true };
    // A short `connectTimeout` of the program may cause this error, so the endpoint may still accept connections.
    return { evidence: codeOf(error) === 'UND_ERR_CONNECT_TIMEOUT' ? 'connect-timeout' : 'refused' };
  }
  if (attempt.isGoAway === true || gracefulGoAway.test(error.message)) return { isGoAway: true };
  return { evidence: isStreamReset(error) ? 'status' : 'reset' };
}

/** Error codes of undici and Node for which the caller is responsible. Such a call would fail at any endpoint. */
const callerErrorCodes = new Map<string, ClerkErrorCode>([
  ['UND_ERR_INVALID_ARG', 'CONFIG_INVALID'],
  ['UND_ERR_INVALID_RETURN_VALUE', 'CONFIG_INVALID'],
  ['UND_ERR_NOT_SUPPORTED', 'CONFIG_INVALID'],
  ['UND_ERR_REQ_CONTENT_LENGTH_MISMATCH', 'CONFIG_INVALID'],
  ['ERR_INVALID_ARG_TYPE', 'CONFIG_INVALID'],
  ['UND_ERR_RES_EXCEEDED_MAX_SIZE', 'BODY_TOO_LARGE'],
  ['UND_ERR_HEADERS_TIMEOUT', 'DEADLINE_EXCEEDED'],
  ['UND_ERR_BODY_TIMEOUT', 'DEADLINE_EXCEEDED'],
  ['UND_ERR_ABORT', 'ABORTED'],
  ['UND_ERR_ABORTED', 'ABORTED'],
]);

/** Returns undefined if the endpoint may have caused the error. */
export function callerErrorCode(error: unknown): ClerkErrorCode | undefined {
  if (isClerkError(error)) return error.code;
  return callerErrorCodes.get(codeOf(error));
}

/** Whether the error means that a peer did not prove its key. No byte of the request was sent in this case. */
export function isUnproven(error: unknown): boolean {
  return isClerkError(error) && error.code === 'ENDPOINT_UNPROVEN';
}

/** undici's error after a graceful GOAWAY frame has no code, so the message is matched. */
const gracefulGoAway = /^HTTP\/2: "GOAWAY" frame received with code 0$/;
function isStreamReset(error: Error): boolean {
  const code = codeOf(error);
  return (
    code === 'ERR_HTTP2_STREAM_ERROR' ||
    (code === 'UND_ERR_INFO' && error.message.startsWith('HTTP/2: stream '))
  );
}

export function wrapCallerError(
  code: ClerkErrorCode,
  name: string,
  error: unknown,
  { execution, outcomes }: Pick<ClerkErrorDetails, 'execution' | 'outcomes'> = {},
): ClerkError {
  if (isClerkError(error)) return error;
  const details = { cause: error, ...(execution && { execution }), ...(outcomes && { outcomes }) };
  const cause = errorMessage(error);
  switch (code) {
    case 'BODY_TOO_LARGE':
      return new ClerkError(
        code,
        `Response of ${name} exceeds maxResponseSize of the undici options; raise that option or request a smaller response`,
        { ...details, execution: 'done' },
      );
    case 'RESPONSE_INVALID':
      return new ClerkError(
        code,
        codeOf(error) === 'UND_ERR_HEADERS_OVERFLOW'
          ? `Response headers of ${name} exceed maxHeaderSize; raise maxHeaderSize in the undici options, or let the service send shorter headers`
          : `Response of ${name} is not valid HTTP: ${cause}`,
        details,
      );
    case 'DEADLINE_EXCEEDED':
      return new ClerkError(
        code,
        `Call to ${name} exceeded the headersTimeout or bodyTimeout of its undici options: ${cause}`,
        details,
      );
    case 'ABORTED':
      return new ClerkError(code, `Call to ${name} was aborted by its caller`, details);
    default:
      return new ClerkError(code, `Request to ${name} is invalid: ${cause}`, details);
  }
}

/** @param name - the service that the program called */
export function asClerkError(error: unknown, name: string): ClerkError {
  return wrapCallerError(callerErrorCode(error) ?? 'CONFIG_INVALID', name, error);
}
