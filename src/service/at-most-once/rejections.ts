/**
 * What a service says to a call that it does not run. `clerk-not-executed` is set where this request certainly did not
 * run; the other words tell of the call, which may have run before.
 *
 * @see promises C3.5, C3.6, C3.7
 */
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
  /** The request certainly did not run. */
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

/** All of them. No message repeats anything that a client sent. */
export const rejections = {
  malformedKey: () =>
    rejection({
      status: 400,
      code: 'CONFIG_INVALID',
      message:
        'The header clerk-call-id must be the time of the call in ms since 1970, 13 or 14 digits, a hyphen, and 128 random bits as 32 hexadecimal digits in lower case; send it once',
      isNotExecuted: true,
    }),
  malformedInstance: () =>
    rejection({
      status: 400,
      code: 'CONFIG_INVALID',
      message:
        'The header clerk-instance must be an instance id, 1 to 128 printable ASCII characters, a blank, and its epoch, a whole number; send it once',
      isNotExecuted: true,
    }),
  bodyTooLarge: (maxBytes: number) =>
    rejection({
      status: 413,
      code: 'BODY_TOO_LARGE',
      message: `The body of a call that must run at most once may have ${String(maxBytes)} bytes here; send less at once`,
      isNotExecuted: true,
    }),
  bodyIncomplete: () =>
    rejection({
      status: 400,
      code: 'CONFIG_INVALID',
      message: 'The body broke off, and the call did not run; send it again',
      isNotExecuted: true,
    }),
  bodyAlreadyRead: () =>
    rejection({
      status: 500,
      code: 'CONFIG_INVALID',
      message:
        'The body was read before atMostOnce() could, so it cannot tell one call from another; it must come before whatever reads bodies',
      isNotExecuted: true,
    }),
  keyExpired: () =>
    rejection({
      status: 410,
      code: 'OUTCOME_UNKNOWN',
      message:
        'The id of the call is older than this service remembers, so it did not run now and may have run before; give a call that certainly never ran a new id',
      idempotencyStatus: 'expired',
      isNotExecuted: true,
    }),
  keyFromFuture: () =>
    rejection({
      status: 410,
      code: 'CONFIG_INVALID',
      message: `The id of the call is from more than ${String(maxClockSkewMs / 60_000)} minutes ahead of this service's clock; set the clocks right`,
      idempotencyStatus: 'expired',
      isNotExecuted: true,
    }),
  otherInstance: () =>
    rejection({
      status: 421,
      code: 'NO_ENDPOINT',
      message:
        'The call is meant for another instance, or for an earlier life of this one, and what ran there is not known here; look the service up again',
      idempotencyStatus: 'elsewhere',
      isNotExecuted: true,
    }),
  fingerprintMismatch: () =>
    rejection({
      status: 422,
      code: 'CONFIG_INVALID',
      message:
        'Another call with this id has another method, target, content-type or body; give each call an id of its own',
      idempotencyStatus: 'mismatch',
    }),
  running: () =>
    rejection({
      status: 409,
      code: 'LIMIT_EXCEEDED',
      message: 'The call is running; ask again with the same id for its answer',
      idempotencyStatus: 'running',
      retryAfterSeconds: 1,
    }),
  outcomeUnknown: () =>
    rejection({
      status: 409,
      code: 'OUTCOME_UNKNOWN',
      message: 'The call began and ended without an answer, so nobody knows what it did; it is not run again',
      idempotencyStatus: 'unknown',
    }),
  responseNotStored: () =>
    rejection({
      status: 409,
      code: 'OUTCOME_UNKNOWN',
      message:
        'The call ran, and its answer was too large to keep or was kept no longer; it is not run again',
      idempotencyStatus: 'unknown',
    }),
  storeFull: () =>
    rejection({
      status: 503,
      code: 'LIMIT_EXCEEDED',
      message:
        'This service remembers as many calls as it has room for and begins no other until some are old enough to forget',
      isNotExecuted: true,
      retryAfterSeconds: 10,
    }),
  storeUnavailable: () =>
    rejection({
      status: 503,
      code: 'CLERK_CLOSED',
      message:
        'This service cannot write down calls for now and runs none that must run at most once; its log says why',
      isNotExecuted: true,
      retryAfterSeconds: 1,
    }),
} as const;
