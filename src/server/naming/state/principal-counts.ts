interface PrincipalCount {
  readonly principal: string;
  units: number;
}

/** How many units, such as names or registrations, each principal has. */
export class PrincipalCounts {
  readonly #counts = new Map<string, PrincipalCount>();

  of(principal: string): number {
    return this.#counts.get(principal)?.units ?? 0;
  }

  /** Returns the principal as a string that all its records can share, which saves memory. */
  add(principal: string, units: number): string {
    let count = this.#counts.get(principal);
    if (count === undefined) this.#counts.set(principal, (count = { principal, units: 0 }));
    count.units += units;
    return count.principal;
  }

  subtract(principal: string, units: number): void {
    const count = this.#counts.get(principal);
    if (count === undefined) return;
    count.units -= units;
    if (count.units === 0) this.#counts.delete(principal);
  }
}
