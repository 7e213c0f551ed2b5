import type { EndpointReport } from '../../../core/registry.js';

export type ReportedVerdict = EndpointReport['verdict'];

/**
 * The votes on one endpoint. Each principal has one vote: what most of its clients report; a tie gives no vote. False
 * client ids therefore add no votes. Within one principal, false ids could outvote the other clients. {@link
 * Votes.hasComplainingMajority} therefore ignores `reachable` reports of a principal that also reports `unreachable`.
 *
 * @see [B8](../../../../docs/background.md#b8)
 */
export class Votes {
  readonly #clientsByPrincipal = new Map<string, Record<ReportedVerdict, number>>();
  readonly #votes: Record<ReportedVerdict, number> = { unreachable: 0, reachable: 0 };
  unreachableReports = 0;
  #complainingPrincipals = 0;

  get principals(): number {
    return this.#clientsByPrincipal.size;
  }

  /** @param delta - 1 adds the report of a client, -1 removes it */
  count(principal: string, verdict: ReportedVerdict, delta: 1 | -1): void {
    let clients = this.#clientsByPrincipal.get(principal);
    if (clients === undefined)
      this.#clientsByPrincipal.set(principal, (clients = { unreachable: 0, reachable: 0 }));
    this.#addVote(clients, -1);
    clients[verdict] += delta;
    this.#addVote(clients, 1);
    if (verdict === 'unreachable') this.unreachableReports += delta;
    if (clients.unreachable + clients.reachable === 0) this.#clientsByPrincipal.delete(principal);
  }

  /** Whether most principals have a client that reports `unreachable`. */
  get hasComplainingMajority(): boolean {
    return 2 * this.#complainingPrincipals > this.principals;
  }

  get hasUnreachableMajority(): boolean {
    return 2 * this.#votes.unreachable > this.principals;
  }

  #addVote({ unreachable, reachable }: Readonly<Record<ReportedVerdict, number>>, delta: 1 | -1): void {
    if (unreachable > 0) this.#complainingPrincipals += delta;
    if (unreachable === reachable) return;
    this.#votes[unreachable > reachable ? 'unreachable' : 'reachable'] += delta;
  }
}
