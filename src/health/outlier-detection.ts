/** The rules of ejection, as pure functions: no clock, no state. */

/**
 * Whether one more endpoint of a service may be ejected. For hard evidence (refused, reset or unanswered attempts), all
 * endpoints but one may be ejected. For failure responses, at most half of the endpoints may be ejected.
 *
 * @param members - number of endpoints of the service
 * @param ejected - number of endpoints that are already ejected
 * @see [C2.4](../../docs/guarantees.md#c2-4)
 */
export function mayEject(isHardEvidence: boolean, members: number, ejected: number): boolean {
  return ejected + 1 <= (isHardEvidence ? members - 1 : Math.floor(members / 2));
}

/**
 * Whether the failures of an endpoint suffice to eject that endpoint: 5 failures in a row, or a success rate below 0.8
 * over 5 or more attempts.
 *
 * @param total - number of attempts at the endpoint in the last 30 s
 * @param successRate - success rate of these attempts, 0 … 1
 * @see Envoy's [outlier detection](https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier)
 */
export function exceedsFailureThreshold(
  consecutiveFailures: number,
  total: number,
  successRate: number,
): boolean {
  return consecutiveFailures >= 5 || (total >= 5 && successRate < 0.8);
}

/** Distribution of the success rates of a service's endpoints. */
export interface SuccessRateStats {
  /** Number of endpoints with at least 100 attempts. Only these endpoints count in the distribution. */
  readonly hosts: number;
  /** Mean success rate of these endpoints, 0 … 1. */
  readonly mean: number;
  /** Population standard deviation of the success rates of these endpoints. */
  readonly standardDeviation: number;
}

/** Number of attempts in the last 30 s from which the success rate of an endpoint is used. */
const minResponses = 100;
/**
 * Minimum number of endpoints for outlier detection. Of n rates, none can differ from the mean by more than √(n − 1)
 * standard deviations. This limit is 1.7 for 4 endpoints and 2 for 5 endpoints, and an outlier must differ by 1.9.
 */
const minHosts = 5;
const standardDeviationFactor = 1.9;
/**
 * Minimum difference between the mean success rate and the rate of an outlier. Without this minimum, one of several
 * nearly equal rates could be an outlier.
 */
const minRateGap = 0.05;

/** Computes the distribution of success rates. Endpoints with fewer than 100 attempts are left out. */
export function successRateStats(
  rates: Iterable<{ readonly total: number; readonly successRate: number }>,
): SuccessRateStats {
  let hosts = 0;
  let sum = 0;
  let squares = 0;
  for (const { total, successRate } of rates) {
    if (total < minResponses) continue;
    hosts++;
    sum += successRate;
    squares += successRate * successRate;
  }
  if (hosts === 0) return { hosts, mean: 1, standardDeviation: 0 };
  const mean = sum / hosts;
  return { hosts, mean, standardDeviation: Math.sqrt(Math.max(0, squares / hosts - mean * mean)) };
}

/**
 * Whether an endpoint's success rate is an outlier: below the mean by more than 1.9 standard deviations and by more
 * than 0.05. False if the endpoint has fewer than 100 attempts, or if fewer than 5 endpoints have 100 attempts. Envoy
 * and gRPC have the same rule without the minimum difference of 0.05.
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
