import { errorMessage } from './errors.js';

/** Maximum nesting depth of JSON from a registry or a file. */
export const maxJsonDepth = 64;
/** The depth of a text of at most this length is not checked, because `JSON.parse` is fast for it at any depth. */
const freeLength = 4_096;

/**
 * Parses JSON of another program. Rejects deep nesting before `JSON.parse`, which is slow at a large depth. Deep
 * nesting would also overflow the stack of recursive code.
 *
 * @throws SyntaxError when the text is not JSON, or has more than {@link maxJsonDepth} levels of objects and lists. The
 * message of the error has no control characters.
 * @see [A4](../../docs/guarantees.md#a4)
 */
export function parseJson(text: string): unknown {
  if (text.length > freeLength && exceedsDepth(text))
    throw new SyntaxError(`more than ${String(maxJsonDepth)} levels of objects and lists`);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    // eslint-disable-next-line preserve-caught-error -- the message of the parser quotes the text
    throw new SyntaxError(errorMessage(error));
  }
}

const [quote, backslash, openList, openObject, closeList, closeObject] = Array.from('"\\[{]}', (character) =>
  character.charCodeAt(0),
);

function exceedsDepth(text: string): boolean {
  let depth = 0;
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === quote) i = endOfString(text, i);
    else if (code === openList || code === openObject) {
      if (++depth > maxJsonDepth) return true;
    } else if (code === closeList || code === closeObject) depth--;
  }
  return false;
}

/** @param start - index of the quotation mark at which the string begins */
function endOfString(text: string, start: number): number {
  for (let end = text.indexOf('"', start + 1); end !== -1; end = text.indexOf('"', end + 1)) {
    let escapes = 0;
    while (text.charCodeAt(end - 1 - escapes) === backslash) escapes++;
    if (escapes % 2 === 0) return end;
  }
  return text.length;
}
