/**
 * Makes text from registries and services safe for terminals. Such text could otherwise move the cursor or imitate
 * other lines.
 *
 * @see [A26](../../docs/guarantees.md#a26)
 */

/** Control, bidirectional and zero-width characters, and lone surrogates. */
const unsafeCharacters =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** Replaces line breaks and tabs with spaces. */
export function sanitizeLine(text: string): string {
  return text.replace(/[\t\n\r]+/g, ' ').replace(unsafeCharacters, '');
}

/** Keeps line breaks and tabs. */
export function sanitizeText(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(unsafeCharacters, (unit) => (unit === '\n' || unit === '\t' ? unit : ''));
}

export function sanitizedJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafeCharacters, (character) =>
    Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
