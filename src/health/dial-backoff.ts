import type { Clock } from '../core/clock.js';
import type { EndpointState } from './endpoint-state.js';

/** The next dial of an endpoint may start after this time, even if the previous dial has no result. */
const maxDialMs = 5_000;
/**
 * Minimum duration of a dial that counts as timed out. A healthy endpoint may need almost this time to accept a
 * connection.
 */
const minDialWaitMs = 250;

/**
 * Returns the time to wait before the next dial. Uniformly random between 0 and a bound (full jitter). The bound is
 * 100 ms after the first failed dial and doubles with each further failed dial, up to 5 s. @see
 * [C4.1](../../docs/guarantees.md#c4-1)
 */
export function dialBackoffMs(failedDials: number, random: number): number {
  return random * Math.min(5_000, 100 * 2 ** Math.max(failedDials - 1, 0));
}

/** Once a dial has failed, allows one dial at a time, with a backoff between dials. */
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
   * Called when an attempt ended without a response. An attempt that started after `nextDialAt` was the dial that the
   * backoff allowed.
   */
  onEnded(member: EndpointState, startedAt: number): void {
    if (startedAt >= member.nextDialAt) member.dialStartedAt = 0;
  }

  /** Concurrent dials count once, because the first refusal sets `nextDialAt`. */
  onRefused(member: EndpointState, startedAt: number, now: number): void {
    this.onEnded(member, startedAt);
    if (now >= member.nextDialAt) this.#backOff(member, now);
  }

  /**
   * The dial does not count as failed if the endpoint has answered since `startedAt`, or if the dial lasted less than
   * 250 ms.
   */
  onConnectTimeout(member: EndpointState, startedAt: number, now: number): void {
    this.onEnded(member, startedAt);
    if (member.lastHeardAt <= startedAt && startedAt >= member.nextDialAt && now - startedAt >= minDialWaitMs)
      this.#backOff(member, now);
  }

  #backOff(member: EndpointState, now: number): void {
    member.consecutiveDialFailures++;
    member.nextDialAt = now + dialBackoffMs(member.consecutiveDialFailures, this.#clock.random());
  }
}
