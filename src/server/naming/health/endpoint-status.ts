import type { Votes } from './votes.js';

/**
 * - `healthy`: no client reports the endpoint unreachable, and the renewals of the endpoint are in time
 * - `reviewing`: a client reports the endpoint unreachable; lookups ask all clients for reports on the endpoint
 * - `suspect`: more than half of the principals vote `unreachable`, or the renewal of the endpoint is overdue; clients
 *   use the endpoint only if no other endpoint is left
 */
export type EndpointStatus = 'healthy' | 'reviewing' | 'suspect';

export interface ReviewState {
  /** Whether the review has ended. All clients have then had time to report. */
  readonly isReviewed: boolean;
  /** Whether two thirds of the lease have passed without a renewal. */
  readonly isRenewalOverdue: boolean;
}

/** Returns the status of an endpoint. An endpoint whose renewal is overdue is suspect, regardless of the votes. */
export function statusOf(votes: Votes, { isReviewed, isRenewalOverdue }: ReviewState): EndpointStatus {
  if (isRenewalOverdue || (isReviewed && votes.hasUnreachableMajority)) return 'suspect';
  return votes.unreachableReports > 0 ? 'reviewing' : 'healthy';
}
