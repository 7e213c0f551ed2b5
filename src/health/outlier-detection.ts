export interface SuccessRateStats {
  readonly hosts: number;
  readonly mean: number;
  readonly standardDeviation: number;
}

/** A success rate, 0 … 1, over `total` attempts. */
export interface MeasuredRate {
  readonly total: number;
  readonly rate: number;
}

/** Minimum number of consecutive failures for an ejection. It suffices if the best other endpoint rarely fails. */
export const minConsecutiveFailures = 5;
/**
 * A run of failures ejects an endpoint only if the best other endpoint would have such a run with at most this
 * probability.
 */
const maxRunProbability = 1e-6;
/** Minimum number of attempts in the last 30 s for an ejection because of a low success rate. */
const minWindowResponses = 20;
const minSuccessRatio = 0.8;
/** Minimum number of attempts in the last 30 s for a {@link comparedRate} above 0. */
const minComparedResponses = 5;
const minResponses = 100;
/**
 * Minimum number of endpoints for an outlier. An outlier is at least 1.9 standard deviations below the mean. The
 * largest possible difference for n endpoints is √(n − 1) standard deviations: 1.7 for n = 4, and 2 for n = 5.
 */
const minHosts = 5;
const standardDeviationFactor = 1.9;
/** Minimum difference between the mean and an outlier, so that nearly equal rates contain no outlier. */
const minRateGap = 0.05;

/**
 * Whether an endpoint has failed enough for an ejection: at least 5 consecutive failures, or a success rate below 0.8
 * over at least 20 attempts. Both are compared with the best other endpoint, since a route may fail at every endpoint:
 * - The run of failures must be so long that the best endpoint would have such a run with a probability of at most
 * 10^-6.
 * - The success rate must be below 0.8 × the best rate by more than chance explains.
 * @param best - the endpoint with the highest {@link comparedRate} among the other endpoints
 */
export function exceedsFailureThreshold(
  consecutiveFailures: number,
  total: number,
  successRate: number,
  best: MeasuredRate,
): boolean {
  if (isLongRun(consecutiveFailures, best.rate)) return true;
  if (total < minWindowResponses) return false;
  return (
    successRate < minSuccessRatio * best.rate - chanceOf(best.rate, total) &&
    successRate < best.rate - chanceBetween({ total, rate: successRate }, best)
  );
}

/**
 * True after at least 5 consecutive failures. If more than 6 % of the attempts at the best other endpoint fail, more
 * consecutive failures are needed. `best` is the success rate of that endpoint.
 */
export function isLongRun(consecutiveFailures: number, best: number): boolean {
  return (
    consecutiveFailures >= minConsecutiveFailures && (1 - best) ** consecutiveFailures <= maxRunProbability
  );
}

/** The {@link assumedRate}, or 0 for fewer than 5 attempts. */
export function comparedRate(counted: { total: number; successRate: number }): number {
  return counted.total < minComparedResponses ? 0 : assumedRate(counted);
}

/** The success rate as if one more attempt had succeeded. An endpoint without attempts has the rate 1. */
function assumedRate({ total, successRate }: { total: number; successRate: number }): number {
  return (successRate * total + 1) / (total + 1);
}

/**
 * The success rate as if one more attempt had succeeded and one more had failed. An endpoint without attempts has the
 * rate 0.5. @see [Rule of succession](https://en.wikipedia.org/wiki/Rule_of_succession)
 */
export function cautiousRate({ total, successRate }: { total: number; successRate: number }): number {
  return (successRate * total + 1) / (total + 2);
}

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
 * An outlier is below the mean by more than 1.9 standard deviations, by more than 0.05, and by more than chance
 * explains. There must be at least 5 endpoints with at least 100 attempts each.
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
  return (
    successRate <
    mean - Math.max(standardDeviationFactor * standardDeviation, minRateGap, chanceOf(mean, total))
  );
}

/** Returns the difference that chance can cause between two measured rates: four standard deviations. */
function chanceBetween(a: MeasuredRate, b: MeasuredRate): number {
  const rate = (a.rate * a.total + b.rate * b.total) / (a.total + b.total);
  return 4 * Math.sqrt(rate * (1 - rate) * (1 / a.total + 1 / b.total));
}

/**
 * Returns the difference that chance can cause between `rate` and a rate over `total` attempts: four standard
 * deviations.
 */
function chanceOf(rate: number, total: number): number {
  return 4 * Math.sqrt((rate * (1 - rate)) / total);
}
