/** What was seen in a run of the demo, as plain data, and what can be counted in it. All times are in ms. */

/** One call of the program. */
export interface Call {
  /** When it was made, since the run began. */
  readonly at: number;
  /** How long it took. */
  readonly ms: number;
  /** Who answered; undefined when the call failed. */
  readonly by: string | undefined;
  /** What it failed with. */
  readonly error?: string;
}

/** Something that happened to a replica (`killed` … `continued`), or that the clerk did about it. */
export interface Incident {
  readonly at: number;
  readonly replica: string;
  readonly what: 'killed' | 'restarted' | 'stopped' | 'continued' | 'ejected' | 'revived' | 'failover';
  /** Why, with `ejected`. */
  readonly reason?: string;
}

/** The steady calls, so far. */
export interface Recording {
  readonly replicas: readonly string[];
  readonly calls: readonly Call[];
  readonly incidents: readonly Incident[];
  /** How long the whole run will be. */
  readonly durationMs: number;
}

/** Many callers at once of a service that nobody runs. */
export interface Rush {
  /** What was before. */
  readonly title: string;
  /** When the service had started, since the first call; one for every start. */
  readonly startedAt: readonly number[];
  readonly calls: readonly Call[];
}

/** From here on a call counts as slowed. */
export const slowMs = 50;

/** The figures of some calls. */
export interface Counts {
  readonly calls: number;
  readonly failed: number;
  readonly slowed: number;
  readonly longestMs: number;
}

/** Counts calls. */
export function count(calls: readonly Call[]): Counts {
  return {
    calls: calls.length,
    failed: calls.filter(({ by }) => by === undefined).length,
    slowed: calls.filter(({ ms }) => ms > slowMs).length,
    longestMs: calls.reduce((longest, { ms }) => Math.max(longest, ms), 0),
  };
}
