import type { Clock, Timer } from '../core/clock.js';
import type { Load } from '../core/load-report.js';
import { limits } from '../protocol/limits.js';
import type {
  ChangeResponse,
  RegisterResponse,
  RegisterRequest,
  Renewal,
  RenewResponse,
  WithdrawRequest,
} from '../protocol/messages.js';
import { decodeError } from '../protocol/error-codec.js';
import { paths } from '../protocol/paths.js';
import type { RegistryConnection, RegistryResponse } from '../registry-client/connection.js';
import { FailoverClient } from '../registry-client/failover-client.js';
import { ClerkError } from '../core/errors.js';

/** A registration whose lease is renewed. */
export interface RenewedLease {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  /** Whether the registry flagged the endpoint as suspect. If so, each renewal claims that the endpoint is healthy. */
  readonly isSuspect: boolean;
  /** Load that the renewal carries; undefined when the load is unknown. */
  readonly load: Load | undefined;
  /**
   * Called when the registry has responded to a renewal. The status is `lost` if the registry has no such registration,
   * and `fenced` if a newer registration of the same instance replaced this registration.
   *
   * @param sentAt - when the renewal was sent, on the monotonic clock
   * @param isSuspect - whether the registry flags the endpoint as suspect
   */
  onRenewal(status: 'renewed' | 'lost' | 'fenced', sentAt: number, isSuspect: boolean): void;
  /** Called when a renewal got no valid response. */
  onRenewalFailed(error: unknown): void;
}

/**
 * Fraction of the lease duration after which a lease is renewed. Each interval is randomly changed by up to
 * `jitterShare`, as a fraction of the interval.
 */
const renewAfterShare = 1 / 3;
const jitterShare = 0.1;
/**
 * Maximum delay of the next renewal after the registry has newly flagged an endpoint as suspect, in ms. That renewal
 * claims that the endpoint is healthy.
 */
const suspectReplyMs = 1_000;
/** Mean delay between a failed renewal and its retry, as a fraction of the lease duration. */
const retryAfterShare = 1 / 6;
/**
 * Maximum number of renewals in one request. A request has room for 512 bytes per renewal: enough for a name of 247
 * bytes and an id of 128 bytes.
 */
const maxBatchSize = Math.min(limits.maxBatch, Math.floor(limits.maxBodyBytes / 512));

/**
 * Renews the leases of all services of a process at one registry. Each lease is renewed when a third of its duration
 * has passed. Renewals that are due at about the same time share one request. Does not keep the process alive.
 *
 * @see [DEC C4](../../docs/background.md#arch-c4), [C5.3](../../docs/guarantees.md#c5-3)
 */
export class LeaseRenewer {
  readonly #client: FailoverClient;
  readonly #clock: Clock;
  readonly #dueAt = new Map<RenewedLease, number>();
  readonly #neverAborted = new AbortController().signal;
  #timer: Timer | undefined;
  #timerAt = Infinity;

  constructor(connections: readonly RegistryConnection[], clock: Clock) {
    this.#client = new FailoverClient(connections, clock);
    this.#clock = clock;
  }

  register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterResponse> {
    return this.#post(paths.register, request, signal, 3_000, (body) =>
      typeof body.epoch === 'number' && typeof body.leaseMs === 'number' && body.leaseMs > 0
        ? (body as unknown as RegisterResponse)
        : undefined,
    );
  }

  withdraw(request: WithdrawRequest, signal: AbortSignal): Promise<ChangeResponse> {
    return this.#post(paths.withdraw, request, signal, 2_000, (body) =>
      typeof body.appliesInMs === 'number' ? (body as unknown as ChangeResponse) : undefined,
    );
  }

  /** Starts renewing a lease. */
  add(lease: RenewedLease): void {
    this.#schedule(lease, lease.leaseMs * renewAfterShare);
  }

  /** Stops renewing a lease. */
  remove(lease: RenewedLease): void {
    this.#dueAt.delete(lease);
    if (this.#dueAt.size > 0) return;
    this.#timer?.cancel();
    this.#timerAt = Infinity;
  }

  close(): Promise<void> {
    this.#timer?.cancel();
    this.#dueAt.clear();
    return this.#client.close();
  }

  #schedule(lease: RenewedLease, afterMs: number): void {
    const clock = this.#clock;
    const at = clock.now() + afterMs * (1 - jitterShare + 2 * jitterShare * clock.random());
    this.#dueAt.set(lease, at);
    if (at >= this.#timerAt) return;
    this.#timerAt = at;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => this.#tick(), at - clock.now());
    this.#timer.setRef(false);
  }

  #tick(): void {
    const now = this.#clock.now();
    this.#timerAt = Infinity;
    // Leases that are due within a ninth of their duration are renewed now too. Leases with the same duration then stay
    // due at about the same time, and share one request.
    const due = [...this.#dueAt].filter(([{ leaseMs }, at]) => at - now <= (leaseMs * renewAfterShare) / 3);
    for (const [lease] of due) this.#dueAt.set(lease, Infinity);
    for (let i = 0; i < due.length; i += maxBatchSize)
      void this.#renew(due.slice(i, i + maxBatchSize).map(([lease]) => lease));
    const [next, at] = [...this.#dueAt].reduce<readonly [RenewedLease | undefined, number]>(
      (first, each) => (each[1] < first[1] ? each : first),
      [undefined, Infinity],
    );
    if (next === undefined) return;
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(() => this.#tick(), Math.max(0, at - now));
    this.#timer.setRef(false);
  }

  async #renew(leases: readonly RenewedLease[]): Promise<void> {
    const sentAt = this.#clock.now();
    const timeoutMs = Math.max(250, Math.min(2_000, Math.min(...leases.map(({ leaseMs }) => leaseMs)) / 6));
    try {
      const { results, suspects } = await this.#post(
        paths.renew,
        { renewals: leases.map(renewalOf) },
        this.#neverAborted,
        timeoutMs,
        (body) =>
          Array.isArray(body.results) && body.results.length === leases.length
            ? (body as unknown as RenewResponse)
            : undefined,
      );
      for (const [i, lease] of leases.entries()) {
        if (!this.#dueAt.has(lease)) continue;
        const isSuspect = Array.isArray(suspects) && suspects.includes(i);
        const afterMs = lease.leaseMs * renewAfterShare - (this.#clock.now() - sentAt);
        this.#schedule(lease, isSuspect && !lease.isSuspect ? Math.min(suspectReplyMs, afterMs) : afterMs);
        lease.onRenewal(results[i] as RenewResponse['results'][number], sentAt, isSuspect);
      }
    } catch (error) {
      for (const lease of leases) {
        if (!this.#dueAt.has(lease)) continue;
        // The delay of the retry is about a twelfth to a quarter of the lease. A longer delay could exceed the rest of
        // the lease. A much shorter delay would overload a registry that has just restarted.
        const retryMs = lease.leaseMs * retryAfterShare * (0.5 + this.#clock.random());
        this.#schedule(lease, retryMs);
        lease.onRenewalFailed(error);
      }
    }
  }

  #post<T>(
    path: string,
    body: object,
    signal: AbortSignal,
    headMs: number,
    read: (body: Partial<Record<string, unknown>>) => T | undefined,
  ): Promise<T> {
    return this.#client.request(
      { path, body, headersTimeoutMs: headMs },
      {
        signal,
        // A slow request must not be sent to a second registry server as well. A registration at the second server
        // would fence the registration at the first server.
        hedged: false,
        parse: (response: RegistryResponse, connection: RegistryConnection) => {
          if (response.status !== 200)
            throw decodeError(response.status, response.body, `The request to ${path} at ${connection.url}`);
          const parsed =
            typeof response.body === 'object' && response.body !== null ? read(response.body) : undefined;
          if (parsed === undefined)
            throw new ClerkError(
              'REGISTRY_INVALID',
              `${connection.url} sent an invalid response to ${path}; check that it is the address of a registry`,
            );
          return parsed;
        },
      },
    );
  }
}

function renewalOf({ name, id, epoch, load, isSuspect }: RenewedLease): Renewal {
  return { name, id, epoch, ...(load !== undefined && { load }), ...(isSuspect && { claimsHealthy: true }) };
}
