import { ClerkError } from '../core/errors.js';
import { parseGlob, type Glob } from '../core/glob.js';
import { parseName } from '../core/name.js';

/** Parses an absolute name. @throws {@link ClerkError} `NAME_INVALID` */
export function parseNameArgument(text: string, subject = 'Name'): string {
  return parseAbsolute(text, subject, (full) => parseName(full, subject));
}

/** Parses a glob. @throws {@link ClerkError} `NAME_INVALID` */
export function parseGlobArgument(text: string): Glob {
  return parseAbsolute(text, 'Glob', parseGlob);
}

/** The command line has no root for relative names, so the error can suggest the absolute one. */
function parseAbsolute<T>(text: string, subject: string, parse: (text: string) => T): T {
  if (text === '' || text.startsWith('/')) return parse(text);
  const full = `/${text}`;
  parse(full);
  throw new ClerkError('NAME_INVALID', `${subject} must begin with '/'; got '${text}', use '${full}'`);
}
