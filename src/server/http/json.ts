/**
 * Reads JSON that nobody vouches for. Depth is counted before anything is parsed, since the parser takes what the
 * program behind it overflows on; a key that comes twice, of which parsers choose differently, and `__proto__`, which
 * objects do not keep, are refused.
 *
 * @see promises A3, A4
 */
import { reasonOf } from '../../core/errors.js';
import { limits } from '../../wire/limits.js';
import { Refusal } from './refusal.js';

const quote = 34;
const backslash = 92;
const openList = 91;
const openObject = 123;
const closeList = 93;
const closeObject = 125;
const colon = 58;

/**
 * The value that a text spells.
 *
 * @param text - of a body, or one line of it
 * @param what - what messages call it
 * @throws `CONFIG_INVALID`
 */
export function readJson(text: string, what = 'The body'): unknown {
  const members = countMembers(text, what);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Refusal('CONFIG_INVALID', `${what} is no JSON: ${reasonOf(error)}`);
  }
  if (countKeys(value, what) !== members)
    throw new Refusal('CONFIG_INVALID', `${what} has an object with the same key twice; write each key once`);
  return value;
}

/** The number of colons outside of texts, which is that of members written, twice or not. Checks the depth. */
function countMembers(text: string, what: string): number {
  let depth = 0;
  let members = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charCodeAt(i)) {
      case quote:
        i = endOfText(text, i + 1);
        break;
      case openList:
      case openObject:
        if (++depth > limits.jsonDepth)
          throw new Refusal(
            'CONFIG_INVALID',
            `${what} has more than ${limits.jsonDepth} levels of objects and lists; write it flatter`,
          );
        break;
      case closeList:
      case closeObject:
        depth--;
        break;
      case colon:
        members++;
        break;
    }
  }
  return members;
}

function endOfText(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code === backslash) i++;
    else if (code === quote) return i;
  }
  return text.length;
}

function countKeys(value: unknown, what: string): number {
  if (typeof value !== 'object' || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (const item of value) count += countKeys(item, what);
    return count;
  }
  for (const key of Object.keys(value)) {
    if (key === '__proto__')
      throw new Refusal(
        'CONFIG_INVALID',
        `${what} has the key '__proto__', which no object keeps; use another word`,
      );
    count += 1 + countKeys((value as Record<string, unknown>)[key], what);
  }
  return count;
}
