import { includingRight, type AccessRight } from '../../../core/access-right.js';
import { ClerkError } from '../../../core/errors.js';
import { matches, type Glob } from '../../../core/glob.js';
import type { AccessGrant, Caller } from '../../ports.js';
import { directoryOfPattern } from './access-triple.js';
import { directoriesOf, evaluateAccess, isOwnName, meantBy, type AccessView } from './evaluate-access.js';

/** Rights that the key of a launched instance shares with its principal. */
const sharedRights: ReadonlySet<AccessRight> = new Set(['read', 'test', 'call']);

/**
 * Returns why a caller has a right on a name; undefined without the right. The key of a launched instance has only
 * the rights read, test and call of its principal, and may advertise its own name.
 */
export function callerAccess(
  view: AccessView,
  caller: Caller | undefined,
  name: string,
  right: AccessRight,
): AccessGrant | undefined {
  if (caller?.pin === undefined) return undefined;
  const { principal, instance } = caller;
  const isShared = sharedRights.has(right) || (right === 'advertise' && isOwnName(view, principal, name));
  return instance === undefined || isShared ? evaluateAccess(view, principal, name, right) : undefined;
}

/**
 * Whether the caller has a right on every name that matches a glob. A single triple must cover the glob; several
 * triples are not combined.
 */
export function hasRightOnAll(
  view: AccessView,
  caller: Caller | undefined,
  glob: Glob,
  right: AccessRight,
): boolean {
  if (caller?.pin === undefined || caller.instance !== undefined) return false;
  if (glob.isExact) return callerAccess(view, caller, glob.text, right) !== undefined;
  for (const directory of directoriesOf(directoryOfPattern(glob)))
    for (const compiled of view.triplesIn(directory))
      if (
        includingRight(compiled.triple.rights, right) !== undefined &&
        covers(compiled.path, glob) &&
        meantBy(view, compiled, caller.principal) !== undefined
      )
        return true;
  return false;
}

/**
 * Whether the outer glob matches every name that the inner glob matches. Tests the inner glob as if it were a name. A
 * `*` in it matches only wildcards of the outer glob. Each `**` is tested as zero, one and 17 segments; 17 are more
 * than a glob without `**` can match.
 */
export function covers(outer: Glob, inner: Glob): boolean {
  if (outer.text === inner.text) return true;
  const many = '/*'.repeat(17);
  return ['', '/*', many].every((segments) => matches(outer, inner.text.replaceAll('/**', segments) || '/'));
}

export function requireAccess(
  view: AccessView,
  caller: Caller | undefined,
  name: string,
  right: AccessRight,
): void {
  if (callerAccess(view, caller, name, right) === undefined) throw forbidden(caller, name, right);
}

export function forbidden(caller: Caller | undefined, name: string, right: AccessRight): ClerkError {
  return new ClerkError(
    'FORBIDDEN',
    `${caller?.principal ?? 'The caller'} must have the right ${right} on ${name}; ask an operator to allow it`,
  );
}
