import type { StoredResponse } from '../../core/idempotency-store.js';
import { ClerkError, type ClerkErrorCode } from '../../core/errors.js';
import { responseHeaders, type IdempotencyStatus } from '../../protocol/call-headers.js';
import { encodeError } from '../../protocol/error-codec.js';
import { maxClockSkewMs } from './retention-window.js';

interface RejectionOptions {
  readonly status: number;
  readonly code: ClerkErrorCode;
  readonly message: string;
  readonly idempotencyStatus?: IdempotencyStatus;
  /** Whether the request certainly did not run. */
  readonly isNotExecuted?: boolean;
  readonly retryAfterSeconds?: number;
}

function rejection({
  status,
  code,
  message,
  idempotencyStatus,
  isNotExecuted,
  retryAfterSeconds,
}: RejectionOptions): StoredResponse {
  const headers: [string, string][] = [['content-type', 'application/json']];
  if (idempotencyStatus !== undefined) headers.push([responseHeaders.idempotency, idempotencyStatus]);
  if (isNotExecuted === true) headers.push([responseHeaders.notExecuted, '1']);
  if (retryAfterSeconds !== undefined) headers.push(['retry-after', String(retryAfterSeconds)]);
  const remainingMs = code === 'LIMIT_EXCEEDED' ? { remainingMs: (retryAfterSeconds ?? 1) * 1_000 } : {};
  const body = Buffer.from(JSON.stringify(encodeError(new ClerkError(code, message, remainingMs))));
  return { status, headers, body };
}

/**
 * Responses to requests for which the handler does not run. The header `clerk-not-executed` states that the request
 * itself certainly did not run. The header `clerk-idempotency` describes the call with the same key, which an earlier
 * request may have run. No message repeats what a client sent.
 *
 * @see [C3.5](../../../docs/guarantees.md#c3-5), [C3.6](../../../docs/guarantees.md#c3-6),
 * [C3.7](../../../docs/guarantees.md#c3-7)
 */
export const rejections = {
  malformedKey: () =>
    rejection({
      status: 400,
      code: 'CONFIG_INVALID',
      message:
        'The idempotency key must be the creation time in ms since 1970 as 13 or 14 digits, a hyphen, and 128 random bits as 32 lower-case hexadecimal digits; send one clerk-call-id header',
      isNotExecuted: true,
    }),
  malformedInstance: () =>
    rejection({
      status: 400,
      code: 'CONFIG_INVALID',
      message:
        'The header clerk-instance must be an instance id of 1 to 128 printable ASCII characters, a space, and an epoch; send one clerk-instance header',
      isNotExecuted: true,
    }),
  bodyTooLarge: (maxBytes: number) =>
    rejection({
      status: 413,
      code: 'BODY_TOO_LARGE',
      message: `The body of a request with an idempotency key must have at most ${String(maxBytes)} bytes; split the call into smaller ones`,
      isNotExecuted: true,
    }),
  bodyIncomplete: () =>
    rejection({
      status: 400,
      code: 'CONFIG_INVALID',
      message: 'The body of the request is incomplete, so the request did not run; send the request again',
      isNotExecuted: true,
    }),
  bodyAlreadyRead: () =>
    rejection({
      status: 500,
      code: 'CONFIG_INVALID',
      message:
        'The body of the request was read before atMostOnce() could read it; call atMostOnce() before any body parser',
      isNotExecuted: true,
    }),
  keyExpired: () =>
    rejection({
      status: 410,
      code: 'OUTCOME_UNKNOWN',
      message:
        'The idempotency key is older than the retention window. This request did not run, but an earlier request with the same key may have run; create a new key only for a call that certainly never ran',
      idempotencyStatus: 'expired',
      isNotExecuted: true,
    }),
  keyFromFuture: () =>
    rejection({
      status: 410,
      code: 'CONFIG_INVALID',
      message: `The idempotency key was created more than ${String(maxClockSkewMs / 60_000)} minutes ahead of this service's clock; synchronize the clocks`,
      idempotencyStatus: 'expired',
      isNotExecuted: true,
    }),
  otherInstance: () =>
    rejection({
      status: 421,
      code: 'NO_ENDPOINT',
      message:
        'The request is meant for another instance, or for an earlier epoch of this instance, and such calls are not stored here; look up the service again',
      idempotencyStatus: 'elsewhere',
      isNotExecuted: true,
    }),
  fingerprintMismatch: () =>
    rejection({
      status: 422,
      code: 'CONFIG_INVALID',
      message:
        'The idempotency key belongs to a request with another method, target, content-type or body; create a key for each call',
      idempotencyStatus: 'mismatch',
    }),
  running: () =>
    rejection({
      status: 409,
      code: 'LIMIT_EXCEEDED',
      message: 'The call is still running; retry with the same idempotency key to get its response',
      idempotencyStatus: 'running',
      retryAfterSeconds: 1,
    }),
  outcomeUnknown: () =>
    rejection({
      status: 409,
      code: 'OUTCOME_UNKNOWN',
      message:
        'The call ended without a response, so its outcome is unknown; retries with this key do not run the call again',
      idempotencyStatus: 'unknown',
    }),
  responseNotStored: () =>
    rejection({
      status: 409,
      code: 'OUTCOME_UNKNOWN',
      message:
        'The call ran, but its response was too large to store or is no longer stored; retries with this key do not run the call again',
      idempotencyStatus: 'unknown',
    }),
  storeFull: () =>
    rejection({
      status: 503,
      code: 'LIMIT_EXCEEDED',
      message: 'The idempotency store is full; new calls are accepted when stored calls have expired',
      isNotExecuted: true,
      retryAfterSeconds: 10,
    }),
  storeUnavailable: () =>
    rejection({
      status: 503,
      code: 'CLERK_CLOSED',
      message:
        'The idempotency store is unavailable, so no request with an idempotency key runs; see the log of the service',
      isNotExecuted: true,
      retryAfterSeconds: 1,
    }),
} as const;
