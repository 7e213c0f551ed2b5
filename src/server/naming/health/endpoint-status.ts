import type { Votes } from './votes.js';

/**
 * The published status of an endpoint:
 * - `healthy`: no client reports it unreachable
 * - `reviewing`: a client reports it unreachable, and all clients that use it are asked for a report
 * - `suspect`: clients use it only as a last resort
 */
export type EndpointStatus = 'healthy' | 'reviewing' | 'suspect';

/** What is known of an endpoint besides the votes. */
export interface ReviewState {
  /** The clients that use the endpoint have had time to report. */
  readonly isReviewed: boolean;
  /** The lease was not renewed for two thirds of its time. */
  readonly isRenewalOverdue: boolean;
}

/** The status that an endpoint should have. An overdue lease needs no votes. */
export function statusOf(votes: Votes, { isReviewed, isRenewalOverdue }: ReviewState): EndpointStatus {
  if (isRenewalOverdue || (isReviewed && votes.hasUnreachableMajority)) return 'suspect';
  return votes.unreachableReports > 0 ? 'reviewing' : 'healthy';
}
