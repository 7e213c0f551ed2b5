/** Where in a longer path the name of a service may end. */
import { ClerkError } from '../core/errors.js';
import { isName } from '../core/name.js';

/** The names that a path may begin with, and what is left of it behind each. */
export interface PathPrefixes {
  /** Longest first. */
  readonly names: readonly string[];
  /** What follows the name with that index, as a path within the service. */
  readonly remainder: (index: number) => string;
}

/**
 * Splits a path wherever its beginning is a name.
 *
 * @param path - name and path in one; put behind the root if it does not begin with `/`
 * @throws {@link ClerkError} `NAME_INVALID` when no beginning of it is a name
 * @see "A Distributed Systems Architecture for the 1990's" C6
 */
export function splitPath(path: unknown, root: string): PathPrefixes {
  if (typeof path !== 'string') {
    throw new ClerkError('NAME_INVALID', 'clerk.request needs a path that begins with the name of a service');
  }
  const absolute = path.startsWith('/') ? path : `${root}/${path}`;
  // A '#' may begin a name's first segment; everywhere else it ends the path, as '?' does.
  const end = absolute.slice(2).search(/[?#]/);
  const segments = (end < 0 ? absolute : absolute.slice(0, end + 2)).split('/').slice(1);
  const suffix = end < 0 ? '' : absolute.slice(end + 2);
  let length = 0;
  while (length < segments.length && isName(`/${segments.slice(0, length + 1).join('/')}`)) length++;
  if (length === 0)
    throw new ClerkError('NAME_INVALID', `'${path}' does not begin with the name of a service`);
  return {
    names: Array.from({ length }, (_, i) => `/${segments.slice(0, length - i).join('/')}`),
    remainder: (index) => `/${segments.slice(length - index).join('/')}${suffix}`,
  };
}
