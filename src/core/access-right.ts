import { describeValue } from './describe-value.js';
import { ClerkError } from './errors.js';

/**
 * What a principal may do with a name.
 *
 * - `read` look the name up, list and watch it
 * - `test` find out whether the name exists, and nothing more
 * - `call` call the service with a ticket; includes `read`
 * - `advertise` register endpoints of the service
 * - `write` define, link, move and remove the name; includes `read`
 * - `launch` start, stop and reset the service
 * - `admin` change rights and identities
 *
 * @see [G7](../../docs/background.md#g7)
 */
export type AccessRight = 'read' | 'test' | 'call' | 'advertise' | 'write' | 'launch' | 'admin';

const includedIn: Readonly<Record<AccessRight, readonly AccessRight[]>> = Object.freeze({
  read: ['read', 'call', 'write'],
  test: ['test', 'read', 'call', 'write'],
  call: ['call'],
  advertise: ['advertise'],
  write: ['write'],
  launch: ['launch'],
  admin: ['admin'],
});

export const accessRights = Object.freeze(Object.keys(includedIn)) as readonly AccessRight[];

export function isAccessRight(value: unknown): value is AccessRight {
  return typeof value === 'string' && Object.hasOwn(includedIn, value);
}

/** Returns `right` if it is in `given`; otherwise a right in `given` that includes `right`; undefined without one. */
export function includingRight(given: readonly AccessRight[], right: AccessRight): AccessRight | undefined {
  return includedIn[right].find((including) => given.includes(including));
}

/**
 * Validates a list of rights, or a text of rights separated by commas.
 *
 * @returns the rights without duplicates, in the order of {@link accessRights}
 * @throws {@link ClerkError} `CONFIG_INVALID` when there is no right, or a right is unknown
 */
export function parseRights(value: unknown): readonly AccessRight[] {
  const rights: readonly unknown[] =
    typeof value === 'string'
      ? value.split(',').map((text) => text.trim())
      : Array.isArray(value)
        ? value
        : [value];
  const unknown = rights.filter((right) => !isAccessRight(right));
  if (rights.length === 0 || unknown.length > 0)
    throw new ClerkError(
      'CONFIG_INVALID',
      `Rights must be one or more of ${accessRights.join(', ')}; got ${describeValue(rights.length === 0 ? rights : unknown[0])}`,
    );
  return Object.freeze(accessRights.filter((right) => rights.includes(right)));
}
