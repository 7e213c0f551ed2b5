import { backoffMs } from '../core/backoff.js';
import type { Clock } from '../core/clock.js';
import type { EndpointState } from './endpoint-state.js';

/** Time in ms after which the next dial of an endpoint may start, even if the previous dial has no result. */
const maxDialMs = 5_000;
/**
 * A connect timeout counts as a failed dial only if the dial lasted at least this time, in ms. A healthy endpoint may
 * need almost this time to accept a connection.
 */
const minDialWaitMs = 250;

/** Backoff between the dials of an endpoint, in ms. @see [C4.1](../../docs/guarantees.md#c4-1) */
export const dialBackoff = { firstMs: 100, maxMs: 5_000 };

/** Limits the dials of an endpoint after a failed dial: one dial at a time, with a backoff between two dials. */
export class DialBackoff {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  canDial(member: EndpointState, now: number): boolean {
    if (member.consecutiveDialFailures === 0) return true;
    return (
      now >= member.nextDialAt && (member.dialStartedAt === 0 || now - member.dialStartedAt >= maxDialMs)
    );
  }

  /**
   * Called when an attempt ended without a response. If the attempt started after `nextDialAt`, the attempt was the
   * dial that the backoff allowed, so no dial is in progress any more.
   */
  onEnded(member: EndpointState, startedAt: number): void {
    if (startedAt >= member.nextDialAt) member.dialStartedAt = 0;
  }

  /** Concurrent refused dials count as one failed dial, because the first refusal sets `nextDialAt`. */
  onRefused(member: EndpointState, startedAt: number, now: number): void {
    this.onEnded(member, startedAt);
    if (now >= member.nextDialAt) this.#backOff(member, now);
  }

  /**
   * The dial does not count as failed if the endpoint has sent a response since `startedAt`, or if the dial lasted
   * less than 250 ms.
   */
  onConnectTimeout(member: EndpointState, startedAt: number, now: number): void {
    this.onEnded(member, startedAt);
    if (member.lastHeardAt <= startedAt && startedAt >= member.nextDialAt && now - startedAt >= minDialWaitMs)
      this.#backOff(member, now);
  }

  #backOff(member: EndpointState, now: number): void {
    member.consecutiveDialFailures++;
    member.nextDialAt = now + backoffMs(dialBackoff, member.consecutiveDialFailures, this.#clock.random());
  }
}
