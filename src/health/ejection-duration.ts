import type { EndpointState } from './endpoint-state.js';

const minEjectionMs = 1_000;
const maxEjectionMs = 30_000;
/** If an endpoint was not ejected for this time, in ms, the next ejection lasts only `minEjectionMs`. */
const forgiveMs = 60_000;
/** After an ejection, an endpoint is on probation until it has given this number of good answers. */
export const probationAnswers = 5;

/**
 * Starts a timed ejection, or starts its time again. The ejection lasts twice as long as the last one, up to 30 s. It
 * lasts 1 s if there was no timed ejection before, or if the last one ended at least 60 s ago.
 *
 * @see [C9.4](../../docs/guarantees.md#c9-4)
 */
export function prolongEjection(member: EndpointState, now: number): void {
  const isForgiven =
    member.ejectionMs === 0 || now - Math.max(member.returnedAt, member.retryAt) >= forgiveMs;
  member.ejectionMs = isForgiven ? minEjectionMs : Math.min(maxEjectionMs, 2 * member.ejectionMs);
  member.failingSince = now;
  member.retryAt = now + member.ejectionMs;
}

/** Undoes the last {@link prolongEjection}, for an ejection that the endpoint did not cause. */
export function shortenEjection(member: EndpointState): void {
  member.ejectionMs = member.ejectionMs > minEjectionMs ? member.ejectionMs / 2 : 0;
}
