/** What may be sent again, as a function of facts. @see promises C3.3, C4.1 */
import type { CallKind } from '../core/idempotency.js';
import type { Stage } from '../core/outcome.js';

/** `free`: it was certainly not sent. `budget`: if the retry budget allows. `never`: it might run twice. */
export type Retryability = 'free' | 'budget' | 'never';

/**
 * Whether a call may be repeated after an attempt that reached `stage`.
 *
 * @param replayable - whether the request's body can be sent a second time
 * @param remembered - whether whoever may have run it remembers that, and would not run it again (promises C3.6)
 */
export function retryability(
  kind: CallKind,
  stage: Stage,
  replayable: boolean,
  remembered = false,
): Retryability {
  if (stage === 'waiting') return 'free';
  return (kind !== 'once' || remembered) && replayable ? 'budget' : 'never';
}

/** Most attempts of one call. @see promises C2.1 */
export const maxAttempts = 5;

/** No attempt starts with less than this left, in ms. @see promises C2.2 */
export const minAttemptMs = 10;

/** Answers that are worth asking somebody else, for calls that may be repeated. */
export function isRetryableStatus(statusCode: number): boolean {
  return statusCode === 429 || statusCode === 502 || statusCode === 503 || statusCode === 504;
}

/** The three forms of HTTP's dates, roughly; `Date.parse` alone takes `1.5` and `-1` for dates too. */
const httpDateForm = /^[A-Z][a-z]{2,8},? [A-Za-z0-9: -]+$/;

/**
 * Reads `Retry-After`.
 *
 * @returns ms to wait, undefined without the header or with one that makes no sense
 * @see RFC 9110, 10.2.3
 */
export function retryAfterMs(
  rawHeaders: readonly (Buffer | string)[] | null,
  wallNow: number,
): number | undefined {
  if (rawHeaders === null) return undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2) {
    if (String(rawHeaders[i]).toLowerCase() !== 'retry-after') continue;
    const text = String(rawHeaders[i + 1]).trim();
    if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1_000;
    if (!httpDateForm.test(text)) return undefined;
    // eslint-disable-next-line no-restricted-globals -- reads a date, asks no clock
    const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
    return Number.isNaN(at) ? undefined : Math.max(0, at - wallNow);
  }
  return undefined;
}
