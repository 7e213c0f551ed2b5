import { describeValue } from '../core/describe-value.js';
import { isReplayable } from '../invoke/request-body.js';
import { configError } from '../core/errors.js';

/** @throws {@link ClerkError} `CONFIG_INVALID` when undici cannot send the body */
export function checkBody(body: unknown, subject: string): void {
  if (body === undefined || body === null || isSendable(body)) return;
  throw configError(
    `${subject}: body must be a string, bytes, a stream, an iterable of strings or bytes, a Blob, FormData or URLSearchParams; got ${describeValue(body)}; to send a value as JSON, pass it as json in place of body`,
  );
}

function isSendable(body: unknown): boolean {
  if (Array.isArray(body)) return body.every((part) => typeof part === 'string' || ArrayBuffer.isView(part));
  if (isReplayable(body)) return true;
  return (
    typeof body === 'object' &&
    body !== null &&
    ('pipe' in body || Symbol.asyncIterator in body || Symbol.iterator in body)
  );
}
