/**
 * Who says what of one endpoint, and what follows. Votes are counted by principal: a principal has one, cast by the
 * majority of its clerks, and none where they are divided. So nobody becomes a majority by inventing clerks, and a host
 * with many processes counts as one place to look from.
 *
 * @see "A Distributed Systems Architecture for the 1990's" B8
 */
import type { Opinion } from '../../core/registry.js';

/** What a clerk says. */
export type Verdict = Opinion['verdict'];

/** What is known of an endpoint beside what callers say. */
export interface Findings {
  /** Those who call it have had the time to say so. */
  readonly isHeard: boolean;
  /** Its lease was not renewed for two thirds of its time. */
  readonly isFaltering: boolean;
}

/** Opinions of one endpoint, counted. */
export class Poll {
  readonly #clerks = new Map<string, Record<Verdict, number>>();
  readonly #votes: Record<Verdict, number> = { unreachable: 0, reachable: 0 };
  /** Clerks that cannot reach it. */
  complaints = 0;

  /** Principals that have an opinion, divided ones too. */
  get principals(): number {
    return this.#clerks.size;
  }

  /** Counts one clerk's opinion in, or out again. */
  count(principal: string, verdict: Verdict, by: 1 | -1): void {
    let clerks = this.#clerks.get(principal);
    if (clerks === undefined) this.#clerks.set(principal, (clerks = { unreachable: 0, reachable: 0 }));
    this.#vote(clerks, -1);
    clerks[verdict] += by;
    this.#vote(clerks, 1);
    if (verdict === 'unreachable') this.complaints += by;
    if (clerks.unreachable + clerks.reachable === 0) this.#clerks.delete(principal);
  }

  /** Whether more than half of the principals with an opinion cannot reach it. */
  get isCondemned(): boolean {
    return 2 * this.#votes.unreachable > this.principals;
  }

  #vote({ unreachable, reachable }: Readonly<Record<Verdict, number>>, by: 1 | -1): void {
    if (unreachable === reachable) return;
    this.#votes[unreachable > reachable ? 'unreachable' : 'reachable'] += by;
  }
}

/**
 * - `good` nobody has anything against it
 * - `doubted` somebody cannot reach it: those who call it are asked
 * - `suspect` it is used only if there is nothing else
 */
export type Standing = 'good' | 'doubted' | 'suspect';

/** What an endpoint should be held for. */
export function standingOf(poll: Poll, { isHeard, isFaltering }: Findings): Standing {
  if (isFaltering || (isHeard && poll.isCondemned)) return 'suspect';
  return poll.complaints > 0 ? 'doubted' : 'good';
}
