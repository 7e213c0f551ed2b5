import type { Votes } from './votes.js';

/**
 * The published status of an endpoint:
 * - `healthy`: no client reports the endpoint unreachable
 * - `reviewing`: a client reports the endpoint unreachable, and all clients that use the endpoint are asked for a
 *   report
 * - `suspect`: a majority reports the endpoint unreachable, or its renewal is overdue; clients use the endpoint only as
 *   a last resort
 */
export type EndpointStatus = 'healthy' | 'reviewing' | 'suspect';

/** What decides the status of an endpoint, besides the votes of the clients. */
export interface ReviewState {
  /** Whether the review has ended: the clients that use the endpoint have had time to report. */
  readonly isReviewed: boolean;
  /** Whether the lease was not renewed for two thirds of its length. */
  readonly isRenewalOverdue: boolean;
}

/**
 * Returns the status that an endpoint should have. An endpoint whose renewal is overdue is suspect, whatever the votes
 * say.
 */
export function statusOf(votes: Votes, { isReviewed, isRenewalOverdue }: ReviewState): EndpointStatus {
  if (isRenewalOverdue || (isReviewed && votes.hasUnreachableMajority)) return 'suspect';
  return votes.unreachableReports > 0 ? 'reviewing' : 'healthy';
}
