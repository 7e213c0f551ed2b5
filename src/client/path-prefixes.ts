import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { isName } from '../core/name.js';

export interface PathPrefixes {
  readonly names: readonly string[];
  readonly remainder: (index: number) => string;
}

/**
 * @param path - relative to `root` if the path does not begin with `/`
 * @throws {@link ClerkError} `NAME_INVALID` when no prefix is a valid name
 * @see [DEC C6](../../docs/background.md#arch-c6)
 */
export function splitPath(path: unknown, root: string): PathPrefixes {
  if (typeof path !== 'string') {
    throw new ClerkError(
      'NAME_INVALID',
      `Path of clerk.request() must be a string; got ${describeValue(path)}`,
    );
  }
  const absolute = path.startsWith('/') ? path : `${root}/${path}`;
  // A '#' may begin the first segment of a name. Elsewhere '#' ends the path, as '?' does.
  const end = absolute.slice(2).search(/[?#]/);
  const segments = (end < 0 ? absolute : absolute.slice(0, end + 2)).split('/').slice(1);
  const suffix = end < 0 ? '' : absolute.slice(end + 2);
  let length = 0;
  while (length < segments.length && isName(`/${segments.slice(0, length + 1).join('/')}`)) length++;
  if (length === 0)
    throw new ClerkError(
      'NAME_INVALID',
      `Path of clerk.request() must begin with a valid name such as '/shop/orders'; got '${path}'`,
    );
  return {
    names: Array.from({ length }, (_, i) => `/${segments.slice(0, length - i).join('/')}`),
    remainder: (index) => `/${segments.slice(length - index).join('/')}${suffix}`,
  };
}
