/** Names and globs as users write them: checked before anybody is asked, with what to write instead. */
import { ClerkError } from '../core/errors.js';
import { parseGlob, type Glob } from '../core/glob.js';
import { parseName } from '../core/name.js';

/** An absolute name. @throws `NAME_INVALID` */
export function nameOf(text: string, what = 'Name'): string {
  return absolute(text, what, (full) => parseName(full, what));
}

/** A glob. @throws `NAME_INVALID` */
export function globOf(text: string): Glob {
  return absolute(text, 'Glob', parseGlob);
}

/** There is no working directory to put before a name, so the one that was meant can be told. */
function absolute<T>(text: string, what: string, read: (text: string) => T): T {
  if (text === '' || text.startsWith('/')) return read(text);
  const full = `/${text}`;
  read(full);
  throw new ClerkError('NAME_INVALID', `${what} '${text}' does not begin with '/'; write '${full}'`);
}
