const maxGroupDepth = 8;

/**
 * Returns the chain of groups from a group to the one of which a principal is a member, at most 8 groups. Undefined if
 * the principal is not a member.
 *
 * @param membersOf - returns principals and other groups; undefined if the name is not a group
 */
export function groupPath(
  membersOf: (name: string) => readonly string[] | undefined,
  group: string,
  principal: string,
): readonly string[] | undefined {
  const parents = new Map<string, string | undefined>([[group, undefined]]);
  let level = [group];
  for (let depth = 1; depth <= maxGroupDepth && level.length > 0; depth++) {
    const next: string[] = [];
    for (const current of level) {
      const members = membersOf(current) ?? [];
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
