/**
 * Foreign text on a terminal: whatever a registry or a service sends, it moves no cursor, rings no bell, reverses no line
 * and begins no line of its own.
 *
 * @see promises A26
 */

/** Controls, those that turn the direction of writing, those that have no width, and halves of characters. */
const unsafeCharacters =
  /[\p{Cc}\p{Cs}\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]/gu;

/** A text in one line, without what could do harm; line breaks and tabs become blanks. */
export function sanitizeLine(text: string): string {
  return text.replace(/[\t\n\r]+/g, ' ').replace(unsafeCharacters, '');
}

/** A text of many lines, without what could do harm; line breaks and tabs stay. */
export function sanitizeText(text: string): string {
  return text
    .replace(/\r\n/g, '\n')
    .replace(unsafeCharacters, (unit) => (unit === '\n' || unit === '\t' ? unit : ''));
}

/** JSON in one line that reads back as the same value, and shows as what it is in any terminal. */
export function sanitizedJson(value: unknown): string {
  return JSON.stringify(value).replace(unsafeCharacters, (character) =>
    Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
      .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
      .join(''),
  );
}
