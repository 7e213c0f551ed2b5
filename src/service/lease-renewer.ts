import type { CallActivity } from '../core/call-activity.js';
import { sleep, type Clock, type Timer } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import type { Load } from '../core/load-report.js';
import { isName } from '../core/name.js';
import { clampWaitMs } from '../core/server-requested-delay.js';
import { limits } from '../protocol/limits.js';
import type { ChangeResponse } from '../protocol/naming-messages.js';
import type {
  MovedRenewal,
  RegisterResponse,
  RegisterRequest,
  Renewal,
  RenewResponse,
  WithdrawRequest,
} from '../protocol/registration-messages.js';
import { decodeError } from '../protocol/error-codec.js';
import { paths } from '../protocol/paths.js';
import type { RegistryConnection, RegistryResponse } from '../registry-client/connection.js';
import { FailoverClient } from '../registry-client/failover-client.js';
import type { ServerDiscovery } from '../registry-client/learned-servers.js';
import { ClerkError } from '../core/errors.js';

export interface RenewedLease {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly secret: string | undefined;
  readonly leaseMs: number;
  /** Whether the registry has flagged the endpoint as suspect. If so, renewals claim that the endpoint is healthy. */
  readonly isSuspect: boolean;
  readonly load: Load | undefined;
  /** Undefined when the registry did not launch the service, or when its calls are not counted. */
  readonly activity: CallActivity | undefined;
  /** Time since the last complete response, in ms; undefined when the calls of the service are not counted. */
  readonly servedAgoMs: number | undefined;
  /** @param sentAt - when the renewal was sent, on the monotonic clock */
  onRenewal(result: RenewalResult, sentAt: number): void;
  onRenewalFailed(error: unknown): void;
}

export interface RenewalResult {
  /**
   * `lost`: the registry does not have this registration. `fenced`: the registration was withdrawn, or the instance
   * has registered again with a higher epoch.
   */
  readonly status: 'renewed' | 'lost' | 'fenced';
  readonly isSuspect: boolean;
  /** Present name of the service, when it was moved. */
  readonly presentName: string | undefined;
  /** Incarnation of the registry. */
  readonly incarnation: string;
}

const renewAfterShare = 1 / 3;
const jitterShare = 0.1;
/** An endpoint that becomes suspect claims to be healthy with a renewal within this time, in ms. */
const suspectReplyMs = 1_000;
/** Mean delay between a failed renewal and its retry, as a share of the lease. */
const retryAfterShare = 1 / 6;
/** Minimum time between two renewals that {@link LeaseRenewer.renewNow} sends, in ms. */
const minExtraIntervalMs = 500;
/** Maximum number of renewals in one request. A renewal with the longest name and id needs less than 1,024 bytes. */
const maxBatchSize = Math.min(limits.maxBatch, Math.floor(limits.maxBodyBytes / 1_024));

/**
 * Renews the leases of all services of a process at one registry. Renewals that are due at about the same time share
 * one request. Does not keep the process alive.
 *
 * @see [DEC C4](../../docs/background.md#arch-c4), [C5.3](../../docs/guarantees.md#c5-3)
 */
export class LeaseRenewer {
  readonly #client: FailoverClient;
  readonly #clock: Clock;
  readonly #dueAt = new Map<RenewedLease, number>();
  #timer: Timer | undefined;
  /** The next additional renewal of all leases, until it is sent. */
  #extra: Promise<void> | undefined;
  #extraSentAt = -Infinity;

  constructor(connections: readonly RegistryConnection[], clock: Clock, discovery?: ServerDiscovery) {
    this.#client = new FailoverClient(connections, clock, discovery);
    this.#clock = clock;
  }

  /** Registers a service. The lease in the response is limited to the range from 1,000 to 604,800,000 ms (7 d). */
  async register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterResponse> {
    const response = await this.#post<RegisterResponse>(
      paths.register,
      request,
      signal,
      3_000,
      ({ epoch, leaseMs }) => typeof epoch === 'number' && typeof leaseMs === 'number' && leaseMs > 0,
    );
    const { minLeaseMs, maxLeaseMs } = limits;
    return { ...response, leaseMs: Math.max(minLeaseMs, Math.min(response.leaseMs, maxLeaseMs)) };
  }

  withdraw(request: WithdrawRequest, signal: AbortSignal): Promise<ChangeResponse> {
    return this.#post(
      paths.withdraw,
      request,
      signal,
      2_000,
      ({ appliesInMs }) => typeof appliesInMs === 'number',
    );
  }

  add(lease: RenewedLease): void {
    this.#schedule(lease, lease.leaseMs * renewAfterShare);
  }

  remove(lease: RenewedLease): void {
    this.#dueAt.delete(lease);
    this.#arm();
  }

  /**
   * Renews all leases at once, at most twice a second. Resolves when the registry has responded to a renewal that was
   * sent after the call, or when that renewal has failed.
   */
  renewNow(): Promise<void> {
    const clock = this.#clock;
    const waitMs = Math.max(0, this.#extraSentAt + minExtraIntervalMs - clock.now());
    this.#extra ??= sleep(clock, waitMs, false).then(() => {
      this.#extra = undefined;
      this.#extraSentAt = clock.now();
      return this.#renewAll([...this.#dueAt.keys()]);
    });
    return this.#extra;
  }

  close(): Promise<void> {
    this.#timer?.cancel();
    this.#dueAt.clear();
    return this.#client.close();
  }

  #schedule(lease: RenewedLease, afterMs: number): void {
    const clock = this.#clock;
    const jittered = afterMs * (1 - jitterShare + 2 * jitterShare * clock.random());
    const at = clock.now() + clampWaitMs(jittered, limits.maxLeaseMs);
    this.#dueAt.set(lease, at);
    this.#arm();
  }
  #arm(): void {
    this.#timer?.cancel();
    const at = Math.min(...this.#dueAt.values());
    if (at === Infinity) return;
    this.#timer = this.#clock.setTimer(() => this.#tick(), Math.max(0, at - this.#clock.now()));
    this.#timer.setRef(false);
  }

  #tick(): void {
    const now = this.#clock.now();
    // A lease that is due within a ninth of its duration is renewed now, so that leases share requests.
    const due = [...this.#dueAt].filter(([{ leaseMs }, at]) => at - now <= (leaseMs * renewAfterShare) / 3);
    void this.#renewAll(due.map(([lease]) => lease));
  }

  async #renewAll(leases: readonly RenewedLease[]): Promise<void> {
    for (const lease of leases) this.#dueAt.set(lease, Infinity);
    const requests: Promise<void>[] = [];
    for (let i = 0; i < leases.length; i += maxBatchSize)
      requests.push(this.#renew(leases.slice(i, i + maxBatchSize)));
    this.#arm();
    await Promise.all(requests);
  }

  async #renew(leases: readonly RenewedLease[]): Promise<void> {
    const sentAt = this.#clock.now();
    const timeoutMs = Math.max(250, Math.min(2_000, Math.min(...leases.map(({ leaseMs }) => leaseMs)) / 6));
    try {
      const { results, suspects, moved, incarnation } = await this.#post<RenewResponse>(
        paths.renew,
        { renewals: leases.map(renewalOf) },
        // One signal for all requests would exceed its maximum number of listeners.
        new AbortController().signal,
        timeoutMs,
        (body) => Array.isArray(body.results) && body.results.length === leases.length,
      );
      const names = presentNames(moved);
      for (const [i, lease] of leases.entries()) {
        if (!this.#dueAt.has(lease)) continue;
        const isSuspect = Array.isArray(suspects) && suspects.includes(i);
        const afterMs = lease.leaseMs * renewAfterShare - (this.#clock.now() - sentAt);
        this.#schedule(lease, isSuspect && !lease.isSuspect ? Math.min(suspectReplyMs, afterMs) : afterMs);
        const status = results[i] as RenewResponse['results'][number];
        lease.onRenewal({ status, isSuspect, presentName: names.get(i), incarnation }, sentAt);
      }
    } catch (error) {
      for (const lease of leases) {
        if (!this.#dueAt.has(lease)) continue;
        // The retry must come before the lease expires. The random delay spreads the retries to a restarted registry.
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
    isValid: (body: Partial<Record<string, unknown>>) => boolean,
  ): Promise<T> {
    return this.#client.request(
      { path, body, headersTimeoutMs: headMs },
      {
        signal,
        // Not hedged, because a second registration at another server would fence the first one.
        hedged: false,
        parse: (response: RegistryResponse, connection: RegistryConnection) => {
          if (response.status !== 200)
            throw decodeError(response.status, response.body, `The request to ${path} at ${connection.url}`);
          const { body: message } = response;
          if (typeof message !== 'object' || message === null || !isValid(message))
            throw new ClerkError(
              'REGISTRY_INVALID',
              `${connection.url} sent an invalid response to ${path}; check that ${connection.url} is the address of a registry`,
            );
          return message as T;
        },
      },
    );
  }
}

/** Returns the present names of moved services, by the indexes of their renewals. Omits invalid names. */
function presentNames(moved: unknown): ReadonlyMap<number, string> {
  const names = new Map<number, string>();
  if (Array.isArray(moved))
    for (const { index, name } of moved as Partial<MovedRenewal>[])
      if (typeof index === 'number' && isName(name)) names.set(index, name as string);
  return names;
}

function renewalOf({
  name,
  id,
  epoch,
  secret,
  load,
  activity,
  servedAgoMs,
  isSuspect,
}: RenewedLease): Renewal {
  return {
    name,
    id,
    epoch,
    ...definedFields({ secret, load, activity, servedAgoMs }),
    ...(isSuspect && { claimsHealthy: true }),
  };
}
