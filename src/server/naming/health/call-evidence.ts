import { limits } from '../../../protocol/limits.js';

/**
 * A renewal is ignored if it arrives less than this time after the first unreachable report, in ms, because it may have
 * been sent before that report.
 */
const minAnswerMs = 2_000;
/** A renewal is late when this share of the lease, plus `lateMs`, has passed since the last renewal. */
const renewalShare = 0.4;
const lateMs = 1_500;

interface RenewedEndpoint {
  readonly leaseMs: number;
  readonly expiresAt: number;
  readonly countsCalls: boolean;
}

/**
 * What an endpoint states about its calls while clients report it unreachable. An endpoint that has answered calls
 * since the first report is reachable, whatever clients report. An endpoint that renews its lease and has answered no
 * calls is unreachable, whatever clients report.
 *
 * @see [B8](../../../../docs/background.md#b8)
 */
export class CallEvidence {
  #complainedAt: number | undefined;
  #servedAt = -Infinity;
  #answeredAt = -Infinity;

  /** Called with the time of the first unreachable report. Called with undefined when no unreachable report is left. */
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
   * - `awaited`: the next renewal may show calls since the first unreachable report
   * - `served`: the endpoint has recently answered a call, after the first unreachable report
   * - `idle`: the endpoint has answered no call after the first unreachable report, or not recently
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
    // The wait ends when the reports expire, because an endpoint with a long lease may renew its lease only later.
    return now < Math.min(awaitedUntil, complainedAt + limits.reportTtlMs) ? 'awaited' : 'idle';
  }
}
