import { ClerkError } from '../core/errors.js';
import { parseGlob, type Glob } from '../core/glob.js';
import { parseName } from '../core/name.js';

export function parseNameArgument(text: string, subject = 'Name'): string {
  return parseAbsolute(text, subject, (full) => parseName(full, subject));
}

export function parseGlobArgument(text: string): Glob {
  return parseAbsolute(text, 'Glob', parseGlob);
}

/** The error for a relative name suggests the absolute form. */
function parseAbsolute<T>(text: string, subject: string, parse: (text: string) => T): T {
  if (text === '' || text.startsWith('/')) return parse(text);
  const full = `/${text}`;
  parse(full);
  throw new ClerkError('NAME_INVALID', `${subject} must begin with '/'; got '${text}', use '${full}'`);
}
