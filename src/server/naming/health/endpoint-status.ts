import type { Votes } from './votes.js';

/**
 * - `healthy`: no client reports the endpoint unreachable
 * - `reviewing`: a client reports the endpoint unreachable; lookups ask all clients for reports on the endpoint
 * - `suspect`: a majority votes `unreachable`, or the renewal of the endpoint is overdue; clients use the endpoint as a
 *   last resort
 */
export type EndpointStatus = 'healthy' | 'reviewing' | 'suspect';

export interface ReviewState {
  /** Whether the review has ended, so that all clients have had time to report. */
  readonly isReviewed: boolean;
  /** Whether the lease was not renewed for two thirds of its length. */
  readonly isRenewalOverdue: boolean;
}

/** An endpoint whose renewal is overdue is suspect, whatever the votes say. */
export function statusOf(votes: Votes, { isReviewed, isRenewalOverdue }: ReviewState): EndpointStatus {
  if (isRenewalOverdue || (isReviewed && votes.hasUnreachableMajority)) return 'suspect';
  return votes.unreachableReports > 0 ? 'reviewing' : 'healthy';
}
