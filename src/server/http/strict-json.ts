/**
 * Reads JSON that nobody vouches for. Depth is counted before anything is parsed, since the parser takes what the
 * program behind it overflows on; a key that comes twice, of which parsers choose differently, and `__proto__`, which
 * objects do not keep, are refused.
 *
 * @see promises A3, A4
 */
import { errorMessage } from '../../core/errors.js';
import { limits } from '../../protocol/limits.js';
import { HttpError } from './http-error.js';

const quote = 34;
const backslash = 92;
const openBracket = 91;
const openBrace = 123;
const closeBracket = 93;
const closeBrace = 125;
const colon = 58;

/**
 * The value that a text spells.
 *
 * @param text - of a body, or one line of it
 * @param subject - what messages call it
 * @throws `CONFIG_INVALID`
 */
export function parseStrictJson(text: string, subject = 'The body'): unknown {
  const memberCount = countMembers(text, subject);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HttpError('CONFIG_INVALID', `${subject} is no JSON: ${errorMessage(error)}`);
  }
  if (countKeys(value, subject) !== memberCount)
    throw new HttpError(
      'CONFIG_INVALID',
      `${subject} has an object with the same key twice; write each key once`,
    );
  return value;
}

/** The number of colons outside of texts, which is that of members written, twice or not. Checks the depth. */
function countMembers(text: string, subject: string): number {
  let depth = 0;
  let members = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quote:
        i = endOfString(text, i + 1);
        break;
      case openBracket:
      case openBrace:
        if (++depth > limits.maxJsonDepth)
          throw new HttpError(
            'CONFIG_INVALID',
            `${subject} has more than ${limits.maxJsonDepth} levels of objects and lists; write it flatter`,
          );
        break;
      case closeBracket:
      case closeBrace:
        depth--;
        break;
      case colon:
        members++;
        break;
    }
  }
  return members;
}

function endOfString(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === backslash) i++;
    else if (code === quote) return i;
  }
  return text.length;
}

function countKeys(value: unknown, subject: string): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countKeys(item, subject);
    return count;
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__')
      throw new HttpError(
        'CONFIG_INVALID',
        `${subject} has the key '__proto__', which no object keeps; use another word`,
      );
    count += 1 + countKeys((value as Record<string, unknown>)[key], subject);
  }
  return count;
}
