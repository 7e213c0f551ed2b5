import { isClerkError, type ClerkError } from '../core/errors.js';
import { codeOf } from './error-code.js';

/**
 * Returns undici's error if the response body broke off, or exceeded `bodyTimeout`. Adds the fields `execution` and
 * `outcomes` of the call to this error. Handlers such as that of undici's `RetryAgent` need the code of undici's error
 * to resume the body. Returns undefined if the call ended for any other reason.
 */
export function bodyErrorOf({ code, cause, execution, outcomes }: ClerkError): Error | undefined {
  if (!(cause instanceof Error) || isClerkError(cause)) return undefined;
  // After `totalTimeoutMs`, the cause may be the error of an earlier attempt, and not the error of the body.
  if (code !== 'OUTCOME_UNKNOWN' && codeOf(cause) !== 'UND_ERR_BODY_TIMEOUT') return undefined;
  // Several requests on one connection may share an error, so a second call gets a copy.
  const own = Object.hasOwn(cause, 'outcomes') ? (Object.create(cause) as Error) : cause;
  return Object.assign(own, { execution, outcomes });
}
