import { includingRight, type AccessRight } from '../../../core/access-right.js';
import { matches } from '../../../core/glob.js';
import type { AccessGrant } from '../../ports.js';
import type { CompiledTriple } from './access-triple.js';
import { groupPath } from './nested-groups.js';

export interface AccessView {
  triplesIn(directory: string): readonly CompiledTriple[];
  /** Returns the members of a group, which are principals and other groups; undefined if the name is not a group. */
  membersOf(name: string): readonly string[] | undefined;
  /** Returns the name to which a name was moved, or the name itself. */
  presentName(name: string): string;
}

const ownRights: readonly AccessRight[] = ['read', 'advertise'];

/**
 * Returns why a principal has a right on a name; undefined without the right. A triple can grant rights but cannot
 * deny them. The search starts at the name itself and ends at the root.
 *
 * @param principal - absolute name of the principal
 * @param name - canonical name
 * @see [G7](../../../../docs/background.md#g7), [C7.4](../../../../docs/guarantees.md#c7-4)
 */
export function evaluateAccess(
  view: AccessView,
  principal: string,
  name: string,
  right: AccessRight,
): AccessGrant | undefined {
  if (includingRight(ownRights, right) !== undefined && isOwnName(view, principal, name))
    return { kind: 'own-name' };
  for (const directory of directoriesOf(name))
    for (const compiled of view.triplesIn(directory)) {
      const granted = includingRight(compiled.triple.rights, right);
      if (granted === undefined || !matches(compiled.path, name)) continue;
      const groups = meantBy(view, compiled, principal);
      if (groups !== undefined)
        return { kind: 'triple', directory, triple: compiled.triple, right: granted, groups };
    }
  return undefined;
}

/** Whether a name is the own name of a principal. This is still true after the name was moved. */
export function isOwnName(view: AccessView, principal: string, name: string): boolean {
  return principal === name || view.presentName(principal) === name;
}

export function* directoriesOf(name: string): IterableIterator<string> {
  for (let end = name.length; end > 1; end = name.lastIndexOf('/', end - 1)) yield name.slice(0, end);
  yield '/';
}

/**
 * Returns the chain of groups by which a triple applies to a principal. The chain is empty if the pattern matches the
 * principal itself. Returns undefined if the triple does not apply.
 */
export function meantBy(
  view: AccessView,
  { principal: pattern }: CompiledTriple,
  principal: string,
): readonly string[] | undefined {
  if (matches(pattern, principal)) return [];
  return pattern.isExact ? groupPath((name) => view.membersOf(name), pattern.text, principal) : undefined;
}

/** Returns text such as `/shop: /shop/staff has call on orders, through the group /shop/staff`. */
export function describeGrant(grant: AccessGrant | undefined): string {
  if (grant === undefined) return 'no entry gives the right';
  if (grant.kind === 'own-name') return 'every principal may read and advertise its own name';
  const { directory, triple, groups } = grant;
  const through = groups.length === 0 ? '' : `, through the group ${groups.join(', ')}`;
  return `${directory}: ${triple.principal} has ${triple.rights.join(',')} on ${triple.path}${through}`;
}
