import { includingRight, type AccessRight } from '../../../core/access-right.js';
import { matches } from '../../../core/glob.js';
import type { AccessGrant } from '../../ports.js';
import type { CompiledTriple } from './access-triple.js';

export interface AccessView {
  triplesIn(directory: string): readonly CompiledTriple[];
  /** Principals and other groups; undefined if the name is not a group. */
  membersOf(name: string): readonly string[] | undefined;
}

const ownRights: readonly AccessRight[] = ['read', 'advertise'];

const maxGroupDepth = 8;

/**
 * Returns why a principal has a right on a name, or undefined without the right. Triples only grant rights. The
 * nearest directory is searched first.
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
  if (principal === name && includingRight(ownRights, right) !== undefined) return { kind: 'own-name' };
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

export function* directoriesOf(name: string): IterableIterator<string> {
  for (let end = name.length; end > 1; end = name.lastIndexOf('/', end - 1)) yield name.slice(0, end);
  yield '/';
}

/**
 * Returns the groups that lead from a triple to a principal; empty if the pattern matches the principal itself.
 * Returns undefined if the triple does not include the principal.
 */
export function meantBy(
  view: AccessView,
  { principal: pattern }: CompiledTriple,
  principal: string,
): readonly string[] | undefined {
  if (matches(pattern, principal)) return [];
  return pattern.isExact ? groupPath(view, pattern.text, principal) : undefined;
}

function groupPath(view: AccessView, group: string, principal: string): readonly string[] | undefined {
  const parents = new Map<string, string | undefined>([[group, undefined]]);
  let level = [group];
  for (let depth = 1; depth <= maxGroupDepth && level.length > 0; depth++) {
    const next: string[] = [];
    for (const current of level) {
      const members = view.membersOf(current) ?? [];
      if (members.includes(principal)) return chainTo(current, parents);
      for (const member of members) {
        if (parents.has(member)) continue;
        parents.set(member, current);
        next.push(member);
      }
    }
    level = next;
  }
  return undefined;
}

function chainTo(group: string, parents: ReadonlyMap<string, string | undefined>): readonly string[] {
  const chain: string[] = [];
  for (let current: string | undefined = group; current !== undefined; current = parents.get(current))
    chain.unshift(current);
  return chain;
}

/** Returns text such as `/shop: ../web/* has call on orders, through the group /shop/staff`. */
export function describeGrant(grant: AccessGrant | undefined): string {
  if (grant === undefined) return 'no entry gives the right';
  if (grant.kind === 'own-name') return 'every principal may read and advertise its own name';
  const { directory, triple, groups } = grant;
  const through = groups.length === 0 ? '' : `, through the group ${groups.join(', ')}`;
  return `${directory}: ${triple.principal} has ${triple.rights.join(',')} on ${triple.path}${through}`;
}
