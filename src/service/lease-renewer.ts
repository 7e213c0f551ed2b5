/**
 * One registry as all services of a process use it: their leases are renewed together, a message for all of them every
 * third of a lease. Nothing here keeps the process alive.
 *
 * @see "A Distributed Systems Architecture for the 1990's" C4; promises C5.3
 */
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

/** One registration whose lease is renewed. */
export interface RenewedLease {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  /** It was told that it is suspect: with its renewals it says that it is well. */
  readonly isSuspect: boolean;
  /** What it says of its load, if it does: sent along. */
  readonly load: Load | undefined;
  /** The registry's word on a renewal that was sent then, on the monotonic clock, and whether it holds it for suspect. */
  onRenewal(status: 'renewed' | 'lost' | 'fenced', sentAt: number, isSuspect: boolean): void;
  /** It gave none. */
  onRenewalFailed(error: unknown): void;
}

/** A renewal is sent when a third of the lease is over, give or take a tenth of that. */
const renewAfterShare = 1 / 3;
const jitterShare = 0.1;
/** Who hears that it is suspect answers after so long, in ms. */
const suspectReplyMs = 1_000;
/** After silence the next one is sent after about so much of the lease. */
const retryAfterShare = 1 / 6;
/** Renewals that fit into one message, each of at most 247 bytes of name and 128 of id. */
const maxBatchSize = Math.min(limits.maxBatch, Math.floor(limits.maxBodyBytes / 512));

/** See the file's header. */
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
      typeof body.inMs === 'number' ? (body as unknown as ChangeResponse) : undefined,
    );
  }

  /** From now on it is renewed. */
  add(lease: RenewedLease): void {
    this.#schedule(lease, lease.leaseMs * renewAfterShare);
  }

  /** It is not renewed any more. */
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
    // Whoever is due before long goes along: one message for all from then on.
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
        // Further apart than usual it would be too late; much closer, all services would storm a registry that returns.
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
        // Two servers must not both be told: the second would fence what the first has given.
        hedged: false,
        parse: (reply: RegistryResponse, peer: RegistryConnection) => {
          if (reply.status !== 200)
            throw decodeError(reply.status, reply.body, `The question for ${path} at ${peer.url}`);
          const parsed = typeof reply.body === 'object' && reply.body !== null ? read(reply.body) : undefined;
          if (parsed === undefined)
            throw new ClerkError(
              'REGISTRY_INVALID',
              `The answer of ${peer.url} to ${path} makes no sense; is that the address of a registry`,
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
