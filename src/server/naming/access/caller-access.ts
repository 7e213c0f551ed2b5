import { includingRight, type AccessRight } from '../../../core/access-right.js';
import { ClerkError } from '../../../core/errors.js';
import { matches, type Glob } from '../../../core/glob.js';
import type { AccessGrant, Caller } from '../../ports.js';
import { directoryOfPattern } from './access-triple.js';
import { directoriesOf, evaluateAccess, meantBy, type AccessView } from './evaluate-access.js';

/** Rights that the key of a launched instance shares with its principal. */
const sharedRights: ReadonlySet<AccessRight> = new Set(['read', 'test', 'call']);

/**
 * Returns undefined without the right. The key of a launched instance may only advertise its own name, and read, test
 * and call as its principal.
 */
export function callerAccess(
  view: AccessView,
  caller: Caller | undefined,
  name: string,
  right: AccessRight,
): AccessGrant | undefined {
  if (caller?.pin === undefined) return undefined;
  const { principal, instance } = caller;
  const isShared = sharedRights.has(right) || (right === 'advertise' && name === principal);
  return instance === undefined || isShared ? evaluateAccess(view, principal, name, right) : undefined;
}

/**
 * Whether the caller has a right on every name that matches a glob. One triple must cover the glob: rights of several
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
 * Whether a glob matches every name that another glob matches. A `*` of the inner glob counts as a character that only
 * a wildcard matches. A `**` is tried as no segment and as more segments than a glob without `**` can match.
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
