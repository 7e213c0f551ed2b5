const pattern = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** Returns ms since 1970. Returns undefined for other text than a date, or a date and time with its offset. */
export function parseIsoTime(text: string): number | undefined {
  if (!pattern.test(text)) return undefined;
  // eslint-disable-next-line no-restricted-globals -- parses a text, and reads no clock
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
