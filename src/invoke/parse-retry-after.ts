/** Matches the three date formats of HTTP. `Date.parse` alone would accept `1.5` and `-1` as dates. */
const httpDateForm = /^[A-Z][a-z]{2,8},? [A-Za-z0-9: -]+$/;

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
    // eslint-disable-next-line no-restricted-globals -- parses a date, reads no clock
    const at = Date.parse(text.endsWith('GMT') ? text : `${text} GMT`);
    return Number.isNaN(at) ? undefined : Math.max(0, at - wallNow);
  }
  return undefined;
}
