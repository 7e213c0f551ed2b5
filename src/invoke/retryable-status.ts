/** Which response statuses are failures, and which of them a retry may replace. */

/** Statuses after which a safe or idempotent call is retried, unless the program sets `retries.statuses`. */
export const defaultRetryableStatuses: ReadonlySet<number> = new Set([429, 502, 503, 504]);

/** Whether a response counts against its endpoint. 501 is a property of the service, not a fault of one endpoint. */
export function isFailureStatus(statusCode: number): boolean {
  return statusCode >= 500 && statusCode !== 501;
}

/**
 * Whether a retry at another endpoint may replace the response.
 *
 * @param statuses - statuses for which the call is retried; undefined while retries are switched off
 * @param isDoubted - whether the endpoint may be at fault for its failure responses, for example after two of them in
 *   a row. If so, each failure status is retryable.
 */
export function isRetryableStatus(
  statusCode: number,
  statuses: ReadonlySet<number> | undefined,
  isDoubted: boolean,
): boolean {
  return statuses?.has(statusCode) === true || (isDoubted && isFailureStatus(statusCode));
}
