/** Control and format characters, line and paragraph separators, and lone surrogates. */
const unsafeCharacters = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/gu;
/** A faster test than `unsafeCharacters`: matches every text with an unsafe character, and some other texts. */
const mayBeUnsafe = /[^\x20-\x7e]/;

/**
 * Escapes the characters of a text that could control a terminal, reverse the direction of writing, or begin another
 * line of a log: ESC becomes `\u001b`. Returns any other text unchanged, so an escaped text is not escaped again.
 *
 * @see [A2](../../docs/guarantees.md#a2), [A26](../../docs/guarantees.md#a26)
 */
export function escapeText(text: string): string {
  return mayBeUnsafe.test(text) ? text.replace(unsafeCharacters, escapeCharacter) : text;
}

/** Escapes a text as {@link escapeText} does, but keeps line breaks and tabs. */
export function escapeLines(text: string): string {
  return text.replace(unsafeCharacters, (character) =>
    character === '\n' || character === '\t' ? character : escapeCharacter(character),
  );
}

/** Returns one escape for each UTF-16 unit, as in JSON. */
function escapeCharacter(character: string): string {
  return Array.from({ length: character.length }, (_, i) => character.charCodeAt(i))
    .map((unit) => `\\u${unit.toString(16).padStart(4, '0')}`)
    .join('');
}
