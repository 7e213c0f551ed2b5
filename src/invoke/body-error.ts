import { isClerkError, type ClerkError } from '../core/errors.js';
import { codeOf } from './error-code.js';

/**
 * Returns undici's error of a truncated response body, with the fields `execution` and `outcomes` of the call.
 * Handlers such as the one of undici's `RetryAgent` need the code of this error to resume a body. Returns undefined
 * for any other end of a call.
 */
export function bodyErrorOf({ code, cause, execution, outcomes }: ClerkError): Error | undefined {
  if (!(cause instanceof Error) || isClerkError(cause)) return undefined;
  // A call that ends by `totalTimeoutMs` may have the error of an earlier attempt as its cause.
  if (code !== 'OUTCOME_UNKNOWN' && codeOf(cause) !== 'UND_ERR_BODY_TIMEOUT') return undefined;
  // Several requests on one connection may share an error, so a second call gets a copy.
  const own = Object.hasOwn(cause, 'outcomes') ? (Object.create(cause) as Error) : cause;
  return Object.assign(own, { execution, outcomes });
}
