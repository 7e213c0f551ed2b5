import { isWithin } from '../../core/name.js';
import { limits } from '../../protocol/limits.js';
import type { NamingState } from './state/naming-state.js';
import { tryResolveLinks } from './state/resolve-links.js';

/**
 * Computes how long services may still use their old name after a move. A service uses its old name until it renews its
 * lease under the new name, or until the lease ends. A service whose principal is below the old name counts as well,
 * because the principal has its rights through the link.
 */
export class FormerNames {
  readonly #state: NamingState;

  constructor(state: NamingState) {
    this.#state = state;
  }

  /** @param target - name to which the link at the former name leads */
  usedMs(name: string, target: string, now: number): number {
    const record = this.#state.entry(name);
    // The move is in the batch that is being planned, so no service knows its new name yet.
    if (record?.kind !== 'link' || record.moved !== true) return limits.defaultLeaseMs;
    let usedUntil = now;
    let count = 0;
    for (const moved of this.#namesAt(target)) {
      // Reading more names would block the event loop. The services of the remaining names find their registrations
      // without the link; see `RequestedNames`.
      if (++count > limits.maxChangedNames) break;
      for (const { requestedName, principal, draining, expiresAt, leaseMs } of this.#state.endpoints(moved)) {
        const isUsed =
          requestedName === undefined ||
          isWithin(principal, name) ||
          (requestedName !== moved && this.#leadsThrough(requestedName, name));
        if (!draining && isUsed) usedUntil = Math.max(usedUntil, expiresAt === 0 ? now + leaseMs : expiresAt);
      }
    }
    return usedUntil - now;
  }

  *#namesAt(target: string): IterableIterator<string> {
    yield target;
    yield* this.#state.descendants(target);
  }

  #leadsThrough(requestedName: string, link: string): boolean {
    const path = tryResolveLinks(this.#state, requestedName);
    return path === undefined || path.hops.some(({ entryName }) => entryName === link);
  }
}

/**
 * The former names of an entry that still lead to the entry: at most {@link limits.maxFormerNames}. A move of a name
 * above the entry, such as `/shop` for `/shop/orders`, has given the entry a former name as well.
 *
 * @param name - canonical name
 */
export function formerNames(state: NamingState, name: string): readonly string[] {
  const found = new Set([name]);
  for (const each of found) {
    for (let end = each.length; end > 0; end = each.lastIndexOf('/', end - 1)) {
      for (const link of state.linksLeftByMovesOf(each.slice(0, end))) {
        if (found.size > limits.maxFormerNames) break;
        found.add(link + each.slice(end));
      }
    }
  }
  found.delete(name);
  return [...found];
}
