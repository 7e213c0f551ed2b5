/** The observations of a demo run as plain data, and counts over them. All times are in ms. */

/** One call of the program. */
export interface Call {
  /** When the call was made, from the start of the run. */
  readonly at: number;
  /** Duration of the call. */
  readonly ms: number;
  /** The replica that answered; undefined when the call failed. */
  readonly by: string | undefined;
  /** The error of a failed call. */
  readonly error?: string;
}

/** A fault of a replica (`killed` … `continued`), or a reaction of the clerk. */
export interface Incident {
  readonly at: number;
  readonly replica: string;
  readonly what: 'killed' | 'restarted' | 'stopped' | 'continued' | 'ejected' | 'revived' | 'failover';
  /** The reason of an ejection. */
  readonly reason?: string;
}

/** The steady calls, so far. */
export interface Recording {
  readonly replicas: readonly string[];
  readonly calls: readonly Call[];
  readonly incidents: readonly Incident[];
  /** The length of the whole run. */
  readonly durationMs: number;
}

/** Concurrent calls of a service that is not running. */
export interface Rush {
  /** The state of the service before the calls. */
  readonly title: string;
  /** When the service had started, from the first call; one entry per start. */
  readonly startedAt: readonly number[];
  readonly calls: readonly Call[];
}

/** A longer call counts as slowed, in ms. */
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
