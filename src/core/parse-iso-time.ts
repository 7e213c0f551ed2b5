const pattern = /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/;

/** Parses a date, or a date and time with an offset, to ms since 1970. Returns undefined for any other text. */
export function parseIsoTime(text: string): number | undefined {
  if (!pattern.test(text)) return undefined;
  // eslint-disable-next-line no-restricted-globals -- parses a text, and reads no clock
  const ms = Date.parse(text);
  return Number.isNaN(ms) ? undefined : ms;
}
