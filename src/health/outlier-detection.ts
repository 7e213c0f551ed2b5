/** The rules of ejection, as pure functions: no clock, no state. */

/**
 * Whether one more endpoint of a service may be ejected. For hard evidence (refused or lost connections, silence), all
 * endpoints but one may be ejected. For failing answers, at most half of the endpoints may be ejected.
 *
 * @param members - number of endpoints of the service
 * @param ejected - number of endpoints that are already ejected
 * @see [C2.4](../../docs/guarantees.md#c2-4)
 */
export function mayEject(isHardEvidence: boolean, members: number, ejected: number): boolean {
  return ejected + 1 <= (isHardEvidence ? members - 1 : Math.floor(members / 2));
}

/** Success rates of the endpoints of a service that have enough attempts. */
export interface SuccessRateStats {
  /** Number of endpoints with 100 attempts or more. */
  readonly hosts: number;
  /** Mean success rate of these endpoints, 0 … 1. */
  readonly mean: number;
  /** Population standard deviation of the success rates of these endpoints. */
  readonly standardDeviation: number;
  /** Highest success rate of the endpoints with 10 attempts or more; 1 when there is none. */
  readonly best: number;
}

const minConsecutiveFailures = 5;
/** Attempts in the last 30 s from which a success rate below 0.8 is a failure. */
const minWindowResponses = 20;
const minSuccessRatio = 0.8;
/** Attempts in the last 30 s from which another endpoint is compared with this endpoint. */
const minComparedResponses = 10;
/** Attempts in the last 30 s from which the success rate of an endpoint can be an outlier. */
const minResponses = 100;
/**
 * Minimum number of endpoints for outlier detection. Of n rates, none can differ from the mean by more than √(n − 1)
 * standard deviations. This limit is 1.7 for 4 endpoints and 2 for 5 endpoints, and an outlier must differ by 1.9.
 */
const minHosts = 5;
const standardDeviationFactor = 1.9;
/** Minimum difference between the mean and an outlier, so that none of several nearly equal rates is an outlier. */
const minRateGap = 0.05;

/**
 * Whether the failures of an endpoint suffice to eject it: 5 failures in a row, or a success rate below 0.8 over 20 or
 * more attempts. Both are relative to the best endpoint, so that a route that fails everywhere ejects no endpoint:
 *
 * - When the best endpoint fails too, a run must be so long that it has that endpoint once in 1,000 runs.
 * - The success rate must be below 0.8 × the best rate by 2.5 standard deviations of the best rate over these attempts.
 *
 * @param total - number of attempts at the endpoint in the last 30 s
 * @param successRate - success rate of these attempts, 0 … 1
 */
export function exceedsFailureThreshold(
  consecutiveFailures: number,
  total: number,
  successRate: number,
  { best }: Pick<SuccessRateStats, 'best'>,
): boolean {
  const runProbability = (1 - best) ** consecutiveFailures;
  if (consecutiveFailures >= minConsecutiveFailures && runProbability <= 0.001) return true;
  if (total < minWindowResponses) return false;
  return successRate < minSuccessRatio * best - 2.5 * Math.sqrt((best * (1 - best)) / total);
}

/** Computes the distribution of success rates. */
export function successRateStats(
  rates: Iterable<{ readonly total: number; readonly successRate: number }>,
): SuccessRateStats {
  let hosts = 0;
  let sum = 0;
  let squares = 0;
  let best = -1;
  for (const { total, successRate } of rates) {
    if (total >= minComparedResponses) best = Math.max(best, successRate);
    if (total < minResponses) continue;
    hosts++;
    sum += successRate;
    squares += successRate * successRate;
  }
  if (best < 0) best = 1;
  if (hosts === 0) return { hosts, mean: 1, standardDeviation: 0, best };
  const mean = sum / hosts;
  return { hosts, mean, standardDeviation: Math.sqrt(Math.max(0, squares / hosts - mean * mean)), best };
}

/**
 * Whether an endpoint's success rate is an outlier: below the mean by more than 1.9 standard deviations and by more
 * than 0.05. Needs 5 endpoints with 100 attempts each. Envoy and gRPC have the same rule without the minimum of 0.05.
 *
 * @see [gRFC A50](https://github.com/grpc/proposal/blob/master/A50-xds-outlier-detection.md): 100 requests, 5 hosts,
 * factor 1900 / 1000
 * @see [decision 017](../../docs/decisions/017-success-rate-outliers.md)
 */
export function isOutlier(
  total: number,
  successRate: number,
  { hosts, mean, standardDeviation }: SuccessRateStats,
): boolean {
  if (total < minResponses || hosts < minHosts) return false;
  return successRate < mean - Math.max(standardDeviationFactor * standardDeviation, minRateGap);
}
