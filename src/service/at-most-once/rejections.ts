import type { StoredResponse } from '../../core/idempotency-store.js';
import { ClerkError, type ClerkErrorCode } from '../../core/errors.js';
import { responseHeaders, type IdempotencyStatus } from '../../protocol/call-headers.js';
import { encodeError } from '../../protocol/error-codec.js';
import { maxClockSkewMs } from './retention-window.js';

interface RejectionOptions {
  readonly idempotencyStatus?: IdempotencyStatus;
  readonly retryAfterSeconds?: number;
}

function rejection(
  status: number,
  code: ClerkErrorCode,
  message: string,
  { idempotencyStatus, retryAfterSeconds }: RejectionOptions,
  isNotExecuted = false,
): StoredResponse {
  const headers: [string, string][] = [['content-type', 'application/json']];
  if (idempotencyStatus !== undefined) headers.push([responseHeaders.idempotency, idempotencyStatus]);
  if (isNotExecuted) headers.push([responseHeaders.notExecuted, '1']);
  if (retryAfterSeconds !== undefined) headers.push(['retry-after', String(retryAfterSeconds)]);
  const remainingMs = code === 'LIMIT_EXCEEDED' ? { remainingMs: (retryAfterSeconds ?? 1) * 1_000 } : {};
  const body = Buffer.from(JSON.stringify(encodeError(new ClerkError(code, message, remainingMs))));
  return { status, headers, body };
}

/** The message mentions the clocks, because a slow clock of the client makes a new key look old. */
function keyTooOld(ageMs: number, reason: string): StoredResponse {
  const age = formatDuration(ageMs);
  return notExecuted(
    410,
    'OUTCOME_UNKNOWN',
    `By the clock of this service, the idempotency key was created ${age} ago, ${reason}. If the client has just created the key, the clock of the client is ${age} behind; synchronize the clocks of both hosts. Otherwise, an earlier request with the same key may have run; create a new key only for a call that certainly never ran`,
    { idempotencyStatus: 'expired' },
  );
}

const units = [
  [365.25 * 86_400_000, 'years'],
  [86_400_000, 'days'],
  [3_600_000, 'h'],
  [60_000, 'min'],
  [1_000, 's'],
] as const;

/** Returns text such as `25 h`, in the largest unit in which the value is at least 2. */
function formatDuration(ms: number): string {
  for (const [unitMs, unit] of units)
    if (ms >= 2 * unitMs) return `${String(Math.round((10 * ms) / unitMs) / 10)} ${unit}`;
  return `${String(Math.round(ms))} ms`;
}

export function notExecuted(
  status: number,
  code: ClerkErrorCode,
  message: string,
  options: RejectionOptions = {},
): StoredResponse {
  return rejection(status, code, message, options, true);
}
/**
 * Responses for requests that the handler does not get. `clerk-not-executed` states that the request did not run.
 * `clerk-idempotency` states what is known of earlier requests with the same key. No message contains text from a
 * client.
 *
 * @see [C3.5](../../../docs/guarantees.md#c3-5), [C3.6](../../../docs/guarantees.md#c3-6),
 * [C3.7](../../../docs/guarantees.md#c3-7)
 */
export const rejections = {
  malformedKey: () =>
    notExecuted(
      400,
      'CONFIG_INVALID',
      'The idempotency key must be the creation time in ms since 1970 as 13 or 14 digits, a hyphen, and 128 random bits as 32 lower-case hexadecimal digits; send one clerk-call-id header',
    ),
  malformedIdempotencyKey: () =>
    notExecuted(
      400,
      'CONFIG_INVALID',
      'The header idempotency-key must be 1 to 255 printable ASCII characters, in double quotes or without; send one idempotency-key header',
    ),
  malformedInstance: () =>
    notExecuted(
      400,
      'CONFIG_INVALID',
      'The header clerk-instance must be an instance id of 1 to 128 printable ASCII characters, a space, an epoch, and optionally a space and the incarnation of the registry; send one clerk-instance header',
    ),
  bodyTooLarge: (maxBytes: number) =>
    notExecuted(
      413,
      'BODY_TOO_LARGE',
      `The body of a request with an idempotency key must have at most ${maxBytes} bytes; split the call into smaller calls`,
    ),
  noRoomForBody: () =>
    notExecuted(
      503,
      'LIMIT_EXCEEDED',
      'The request bodies that this service is receiving exceed their total limit, so the service no longer reads this body; send the request again',
      { retryAfterSeconds: 1 },
    ),
  bodyIncomplete: () =>
    notExecuted(
      400,
      'CONFIG_INVALID',
      'The body of the request is incomplete, so the request did not run; send the request again',
    ),
  bodyAlreadyRead: () =>
    notExecuted(
      500,
      'CONFIG_INVALID',
      'The body of the request was read before atMostOnce() could read it; call atMostOnce() before any body parser',
    ),
  keyExpired: (ageMs: number, windowMs: number) =>
    keyTooOld(ageMs, `which is more than the retention window of ${formatDuration(windowMs)}`),
  keyForgotten: (ageMs: number) => keyTooOld(ageMs, 'and the records of such old calls were removed'),
  /** @param upMs - time since this process began to accept keys, in ms */
  keyPredatesStore: (ageMs: number, upMs: number) =>
    keyTooOld(
      ageMs,
      `and this service, which stores calls in memory, started only ${formatDuration(upMs)} ago`,
    ),
  /** @param aheadMs - how far the creation of the key lies in the future, in ms */
  keyFromFuture: (aheadMs: number) =>
    notExecuted(
      410,
      'CONFIG_INVALID',
      `The creation time in the idempotency key is ${formatDuration(aheadMs)} ahead of the clock of this service, which is more than ${formatDuration(maxClockSkewMs)}; synchronize the clocks of both hosts`,
      { idempotencyStatus: 'expired' },
    ),
  otherInstance: () =>
    notExecuted(
      421,
      'NO_ENDPOINT',
      'The request names another instance, or an earlier epoch of this instance, so the request did not run; look up the service again',
      { idempotencyStatus: 'elsewhere' },
    ),
  fingerprintMismatch: () =>
    rejection(
      422,
      'CONFIG_INVALID',
      'The idempotency key belongs to a request with another method, target, content-type, body, authorization or principal; create a new key for each call',
      { idempotencyStatus: 'mismatch' },
    ),
  running: () =>
    rejection(
      409,
      'LIMIT_EXCEEDED',
      'The call is still running; retry with the same idempotency key to get its response',
      { idempotencyStatus: 'running', retryAfterSeconds: 1 },
    ),
  outcomeUnknown: () =>
    rejection(
      409,
      'OUTCOME_UNKNOWN',
      'The call ended without a response, so its outcome is unknown; retries with this key do not run the call again',
      { idempotencyStatus: 'unknown' },
    ),
  responseNotStored: () =>
    rejection(
      409,
      'OUTCOME_UNKNOWN',
      'The call ran, but its response was too large to store or is no longer stored; retries with this key do not run the call again',
      { idempotencyStatus: 'unknown' },
    ),
  storeFull: () =>
    notExecuted(
      503,
      'LIMIT_EXCEEDED',
      'The idempotency store is full, or has no room for further calls of this caller; new calls are accepted when stored calls have expired',
      { retryAfterSeconds: 10 },
    ),
  storeUnavailable: () =>
    notExecuted(
      503,
      'CLERK_CLOSED',
      'The idempotency store is unavailable, so no request with an idempotency key runs; see the log of the service',
      { retryAfterSeconds: 1 },
    ),
} as const;
