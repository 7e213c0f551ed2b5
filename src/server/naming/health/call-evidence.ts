import { limits } from '../../../protocol/limits.js';

/** A renewal that arrives sooner after the first complaint need not know of calls since then. */
const minAnswerMs = 2_000;
/** A renewal later than this share of the lease after the last one, plus `lateMs`, is not in time. */
const renewalShare = 0.4;
const lateMs = 1_500;

interface RenewedEndpoint {
  readonly leaseMs: number;
  readonly expiresAt: number;
  readonly countsCalls: boolean;
}

/**
 * What a reviewed endpoint states about its calls. An endpoint that renews in time and has answered calls since the
 * first complaint can be reached, whatever clients report. One that has answered none cannot, although clients may
 * claim that they reach it.
 *
 * @see [B8](../../../../docs/background.md#b8)
 */
export class CallEvidence {
  #complainedAt: number | undefined;
  #servedAt = -Infinity;
  #answeredAt = -Infinity;

  /** Called when the first client complains, and with undefined when none does any more. */
  setComplaint(at: number | undefined): void {
    if (at !== undefined && this.#complainedAt !== undefined) return;
    this.#complainedAt = at;
    this.#answeredAt = -Infinity;
  }

  /** @param servedAgoMs - undefined when the endpoint does not count its calls */
  onRenewed(now: number, servedAgoMs: number | undefined): void {
    if (servedAgoMs !== undefined) this.#servedAt = now - servedAgoMs;
    if (this.#complainedAt !== undefined && now - this.#complainedAt >= minAnswerMs) this.#answeredAt = now;
  }

  /**
   * - `unknown`: the endpoint does not count its calls
   * - `awaited`: its next renewal may show calls since the complaint
   * - `served`, `idle`: whether it has answered calls since the complaint, a short time ago
   */
  state(
    { leaseMs, expiresAt, countsCalls }: RenewedEndpoint,
    now: number,
  ): 'unknown' | 'awaited' | 'served' | 'idle' {
    if (!countsCalls) return 'unknown';
    const complainedAt = this.#complainedAt ?? now;
    const isRecent = now - this.#servedAt <= limits.reportTtlMs + renewalShare * leaseMs;
    if (isRecent && this.#servedAt > complainedAt) return 'served';
    if (this.#answeredAt !== -Infinity) return 'idle';
    const awaitedUntil = Math.max(
      complainedAt + minAnswerMs,
      expiresAt - leaseMs + renewalShare * leaseMs + lateMs,
    );
    // A long lease is renewed too seldom to wait for.
    return now < Math.min(awaitedUntil, complainedAt + limits.reportTtlMs) ? 'awaited' : 'idle';
  }
}
