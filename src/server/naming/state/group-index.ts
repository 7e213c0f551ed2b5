/** An index from each member to its groups. */
export class GroupIndex {
  readonly #groups = new Map<string, Set<string>>();

  of(member: string): Iterable<string> {
    return this.#groups.get(member) ?? [];
  }

  add(group: string, members: readonly string[]): void {
    for (const member of members) {
      const groups = this.#groups.get(member);
      if (groups === undefined) this.#groups.set(member, new Set([group]));
      else groups.add(group);
    }
  }

  delete(group: string, members: readonly string[]): void {
    for (const member of members) {
      const groups = this.#groups.get(member);
      groups?.delete(group);
      if (groups?.size === 0) this.#groups.delete(member);
    }
  }
}
