/** Names and globs as users write them: checked before anybody is asked, with what to write instead. */
import { ClerkError } from '../core/errors.js';
import { parseGlob, type Glob } from '../core/glob.js';
import { parseName } from '../core/name.js';

/** An absolute name. @throws `NAME_INVALID` */
export function parseNameArgument(text: string, subject = 'Name'): string {
  return parseAbsolute(text, subject, (full) => parseName(full, subject));
}

/** A glob. @throws `NAME_INVALID` */
export function parseGlobArgument(text: string): Glob {
  return parseAbsolute(text, 'Glob', parseGlob);
}

/** There is no working directory to put before a name, so the one that was meant can be told. */
function parseAbsolute<T>(text: string, subject: string, parse: (text: string) => T): T {
  if (text === '' || text.startsWith('/')) return parse(text);
  const full = `/${text}`;
  parse(full);
  throw new ClerkError('NAME_INVALID', `${subject} '${text}' does not begin with '/'; write '${full}'`);
}
