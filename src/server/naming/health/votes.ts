/**
 * Who says what of one endpoint, and what follows. Votes are counted by principal: a principal has one, cast by the
 * majority of its clerks, and none where they are divided. So nobody becomes a majority by inventing clerks, and a host
 * with many processes counts as one place to look from.
 *
 * @see "A Distributed Systems Architecture for the 1990's" B8
 */
import type { EndpointReport } from '../../../core/registry.js';

/** What a clerk says. */
export type EndpointVerdict = EndpointReport['verdict'];

/** What is known of an endpoint beside what callers say. */
export interface ReviewState {
  /** Those who call it have had the time to say so. */
  readonly isReviewed: boolean;
  /** Its lease was not renewed for two thirds of its time. */
  readonly isRenewalOverdue: boolean;
}

/** Opinions of one endpoint, counted. */
export class Votes {
  readonly #clientsByPrincipal = new Map<string, Record<EndpointVerdict, number>>();
  readonly #votes: Record<EndpointVerdict, number> = { unreachable: 0, reachable: 0 };
  /** Clerks that cannot reach it. */
  unreachableReports = 0;

  /** Principals that have an opinion, divided ones too. */
  get principals(): number {
    return this.#clientsByPrincipal.size;
  }

  /** Counts one clerk's opinion in, or out again. */
  count(principal: string, verdict: EndpointVerdict, by: 1 | -1): void {
    let clients = this.#clientsByPrincipal.get(principal);
    if (clients === undefined)
      this.#clientsByPrincipal.set(principal, (clients = { unreachable: 0, reachable: 0 }));
    this.#addVote(clients, -1);
    clients[verdict] += by;
    this.#addVote(clients, 1);
    if (verdict === 'unreachable') this.unreachableReports += by;
    if (clients.unreachable + clients.reachable === 0) this.#clientsByPrincipal.delete(principal);
  }

  /** Whether more than half of the principals with an opinion cannot reach it. */
  get hasUnreachableMajority(): boolean {
    return 2 * this.#votes.unreachable > this.principals;
  }

  #addVote({ unreachable, reachable }: Readonly<Record<EndpointVerdict, number>>, by: 1 | -1): void {
    if (unreachable === reachable) return;
    this.#votes[unreachable > reachable ? 'unreachable' : 'reachable'] += by;
  }
}

/**
 * - `good` nobody has anything against it
 * - `doubted` somebody cannot reach it: those who call it are asked
 * - `suspect` it is used only if there is nothing else
 */
export type EndpointStatus = 'good' | 'doubted' | 'suspect';

/** What an endpoint should be held for. */
export function statusOf(votes: Votes, { isReviewed, isRenewalOverdue }: ReviewState): EndpointStatus {
  if (isRenewalOverdue || (isReviewed && votes.hasUnreachableMajority)) return 'suspect';
  return votes.unreachableReports > 0 ? 'doubted' : 'good';
}
