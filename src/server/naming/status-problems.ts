import type { ClerkError } from '../../core/errors.js';
import type { StatusProblem } from '../../protocol/status-messages.js';

export interface ServerCondition {
  /** Error of the last write, if the store cannot be written. */
  readonly storeFailure: ClerkError | undefined;
  /** Whether the state of this server is at most 1 s older than that of the database. */
  readonly isCurrent: boolean;
  /** Whether expired leases are removed more slowly than they expire. */
  readonly isThrottling: boolean;
}

/** Returns the problems of a name server, with the part that has the problem; empty if the server is healthy. */
export function statusProblems({
  storeFailure,
  isCurrent,
  isThrottling,
}: ServerCondition): readonly StatusProblem[] {
  const problems: StatusProblem[] = [];
  if (storeFailure !== undefined) problems.push({ part: 'store', message: storeFailure.message });
  else if (!isCurrent)
    problems.push({
      part: 'store',
      message:
        'This server could not reach the database of the registry for more than 1 s, so lookups have the flag stale; check the database and the network',
    });
  if (isThrottling)
    problems.push({
      part: 'leases',
      message:
        'Too many leases expired at once, so their endpoints are removed slowly; check the network between the services and this server',
    });
  return problems;
}
