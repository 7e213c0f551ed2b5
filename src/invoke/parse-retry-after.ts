/** Matches the three date formats of HTTP. `Date.parse` alone would accept `1.5` and `-1` as dates. */
const httpDateForm = /^[A-Z][a-z]{2,8},? [A-Za-z0-9: -]+$/;

type RawHeaders = readonly (Buffer | string)[] | null;

/** Returns the delay that `Retry-After` requests, in ms. Returns undefined if the header is missing or invalid. */
export function retryAfterMs(rawHeaders: RawHeaders, wallNow: number): number | undefined {
  const text = retryAfterOf(rawHeaders);
  if (text === undefined) return undefined;
  if (/^[0-9]{1,9}$/.test(text)) return Number(text) * 1_000;
  if (!httpDateForm.test(text)) return undefined;
  // eslint-disable-next-line no-restricted-globals -- parses a date, reads no clock
  const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
  return Number.isNaN(at) ? undefined : Math.max(0, at - wallNow);
}

/** Whether the response has the header `Retry-After`, valid or invalid. */
export function hasRetryAfter(rawHeaders: RawHeaders): boolean {
  return retryAfterOf(rawHeaders) !== undefined;
}

function retryAfterOf(rawHeaders: RawHeaders): string | undefined {
  if (rawHeaders === null) return undefined;
  for (let i = 0; i + 1 < rawHeaders.length; i += 2)
    if (String(rawHeaders[i]).toLowerCase() === 'retry-after') return String(rawHeaders[i + 1]).trim();
  return undefined;
}
