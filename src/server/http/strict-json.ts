import { errorMessage } from '../../core/errors.js';
import { limits } from '../../protocol/limits.js';
import { HttpError } from './http-error.js';

/**
 * Parses untrusted JSON. Rejects deep nesting before parsing, because deep nesting overflows the stack of recursive
 * code. Rejects duplicate keys, because JSON parsers differ in which of the values they keep. Rejects the key
 * `__proto__`.
 *
 * @param subject - beginning of every error message
 * @throws {@link ClerkError} `CONFIG_INVALID` when the text is not JSON or is rejected
 * @see [A3](../../../docs/guarantees.md#a3), [A4](../../../docs/guarantees.md#a4)
 */
export function parseStrictJson(text: string, subject = 'The body'): unknown {
  const memberCount = countMembers(text, subject);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new HttpError('CONFIG_INVALID', `${subject} must be valid JSON: ${errorMessage(error)}`);
  }
  if (countKeys(value, subject) !== memberCount)
    throw new HttpError('CONFIG_INVALID', `${subject} must not have an object with duplicate keys`);
  return value;
}

/** Checks the nesting depth, and counts the object members. Each member has exactly one colon outside of strings. */
function countMembers(text: string, subject: string): number {
  let depth = 0;
  let members = 0;
  for (let i = 0; i < text.length; i++) {
    switch (text.charAt(i)) {
      case '"':
        i = endOfString(text, i + 1);
        break;
      case '[':
      case '{':
        if (++depth > limits.maxJsonDepth)
          throw new HttpError(
            'CONFIG_INVALID',
            `${subject} must have at most ${limits.maxJsonDepth} levels of objects and arrays`,
          );
        break;
      case ']':
      case '}':
        depth--;
        break;
      case ':':
        members++;
        break;
    }
  }
  return members;
}

function endOfString(text: string, from: number): number {
  for (let i = from; i < text.length; i++) {
    if (text[i] === '\\') i++;
    else if (text[i] === '"') return i;
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
      throw new HttpError('CONFIG_INVALID', `${subject} must not have the key '__proto__'; use another key`);
    count += 1 + countKeys((value as Record<string, unknown>)[key], subject);
  }
  return count;
}
