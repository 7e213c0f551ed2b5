/** When an endpoint is set aside, as functions of numbers: no clock, no state. */

/** How many of a service may be set aside, counting those that are. Always leaves one. @see promises C2.4 */
export function mayEject(isHardEvidence: boolean, members: number, ejected: number): boolean {
  return ejected + 1 <= (isHardEvidence ? members - 1 : Math.floor(members / 2));
}

/** Whether answers that say "failed" are reason enough: five in a row, or one in five of the last 30 s. */
export function exceedsFailureThreshold(
  consecutiveFailures: number,
  total: number,
  successRate: number,
): boolean {
  return consecutiveFailures >= 5 || (total >= 5 && successRate < 0.8);
}

/** Success rates of those of a service that were asked often enough to have one. */
export interface SuccessRateStats {
  /** How many those are. */
  readonly hosts: number;
  /** Mean of their shares of good answers, 0–1. */
  readonly mean: number;
  /** Standard deviation of these, of the whole and not of a sample. */
  readonly standardDeviation: number;
}

/** An endpoint has a success rate when so many answers of the last 30 s are known. */
const minResponses = 100;
/** Fewer rates have no mean worth the name. With n of them none is further than √(n − 1) deviations from it: 2 with 5. */
const minHosts = 5;
const standardDeviationFactor = 1.9;
/** Where all are nearly alike a deviation is next to nothing: nobody is an outlier for less than this. */
const minRateGap = 0.05;

/** Sums up the rates of a service. */
export function successRateStats(
  rates: Iterable<{ readonly total: number; readonly successes: number }>,
): SuccessRateStats {
  let hosts = 0;
  let sum = 0;
  let squares = 0;
  for (const { total, successes } of rates) {
    if (total < minResponses) continue;
    hosts++;
    sum += successes;
    squares += successes * successes;
  }
  if (hosts === 0) return { hosts, mean: 1, standardDeviation: 0 };
  const mean = sum / hosts;
  return { hosts, mean, standardDeviation: Math.sqrt(Math.max(0, squares / hosts - mean * mean)) };
}

/**
 * Whether one fails clearly more often than the rest, though not often enough to be set aside for it alone: its rate is
 * more than 1.9 deviations, and more than 0.05, below the mean of at least five with 100 answers each. With fewer there
 * are the fixed rules only. Departs from Envoy and gRPC by the 0.05.
 *
 * @see gRFC A50, success rate ejection: 100 requests, 5 hosts, factor 1900 / 1000
 */
export function isOutlier(
  total: number,
  successRate: number,
  { hosts, mean, standardDeviation }: SuccessRateStats,
): boolean {
  if (total < minResponses || hosts < minHosts) return false;
  return successRate < mean - Math.max(standardDeviationFactor * standardDeviation, minRateGap);
}

/**
 * How long to wait before the next probe, in ms: a tenth of the time it has been away, so that probing adds little to
 * the outage, within 250 ms … 5 s; more for one that was set aside several times within a minute. Spread by a fifth.
 *
 * @param outageMs - since it was set aside
 * @param ejections - how often that happened lately, this time included
 * @param random - uniform in [0, 1)
 */
export function probeDelayMs(outageMs: number, ejections: number, random: number): number {
  const minMs = 250 * 2 ** Math.min(Math.max(ejections - 1, 0), 4);
  return Math.min(5_000, Math.max(minMs, outageMs / 10)) * (0.8 + 0.4 * random);
}

/**
 * Rest before the next dial of an endpoint that refuses, in ms: full jitter over 100 ms, doubled with each refusal, up
 * to 5 s. @see promises C4.1
 */
export function dialBackoffMs(failedDials: number, random: number): number {
  return random * Math.min(5_000, 100 * 2 ** Math.max(failedDials - 1, 0));
}
