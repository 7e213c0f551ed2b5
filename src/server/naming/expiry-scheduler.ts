import type { Clock, Timer } from '../../core/clock.js';
import { limits } from '../../protocol/limits.js';
import type { EndpointRef, PrepareCommand } from './commands/naming-command.js';
import { DelayQueue } from './delay-queue.js';
import { clockMarginMs, type Guarantees } from './guarantees.js';
import type { HealthConsensus } from './health/health-consensus.js';
import type { Leases } from './leases.js';
import { maxAgeMs } from './shared/freshness.js';
import type { Registration } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';

/** Time after which an implicit service without endpoints is removed, in ms. */
const emptyServiceMs = 300_000;
/** Maximum number of endpoints that one command removes. Other work runs between two commands. */
const maxExpiredPerCommand = 500;
/** Maximum number of service removals and pending changes that one run of the timer submits. */
const maxCommandsPerRun = 500;

export interface ExpiryDependencies {
  readonly clock: Clock;
  readonly state: NamingState;
  readonly leases: Leases;
  readonly consensus: HealthConsensus;
  readonly guarantees: Guarantees;
  /** Undefined in a registry with one server. */
  readonly holders?: LeaseHolders | undefined;
  /** The returned promise never rejects. */
  readonly submit: (prepare: PrepareCommand, endsEndpoints?: boolean) => Promise<void>;
}

/** Decides which server expires a lease, in a registry with several servers. */
export interface LeaseHolders {
  /** Whether this server expires the lease of an endpoint: the lease is renewed here, or at a server that is gone. */
  endsHere(registration: Registration): boolean;
  /** Whether expiry is paused, because endpoints cannot renew their leases at a server without a valid session. */
  readonly isPaused: boolean;
}

/**
 * Removes endpoints at the end of their lease or drain time. Removes an implicit service 5 min after its last
 * endpoint has ended. Applies pending changes of frozen entries. Before a lease expires, requests that have already
 * arrived are handled, because one of them may renew the lease.
 */
export class ExpiryScheduler {
  readonly #deps: ExpiryDependencies;
  readonly #emptyServices = new DelayQueue<string>(emptyServiceMs);
  readonly #openedAt: number;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #leasesCheckedAt: number | undefined;
  expiredRegistrations = 0;
  #isExpiring = false;
  #isClosed = false;

  constructor(deps: ExpiryDependencies) {
    this.#deps = deps;
    this.#openedAt = deps.clock.now();
  }

  start(): void {
    for (const name of this.#deps.state.entries.keys()) this.onEntryChanged(name);
    this.#arm();
  }

  /** Starts the lease or the drain time of a registration. A moved registration keeps its expiry time. */
  onRegistered(registration: Registration): void {
    const { clock, leases, consensus, holders } = this.#deps;
    if (holders !== undefined && !registration.draining && !holders.endsHere(registration)) {
      leases.release(registration);
      registration.expiresAt = 0;
      registration.isRemovalPending = false;
      consensus.onRegistered(registration);
      return;
    }
    if (registration.expiresAt === 0)
      registration.expiresAt = registration.draining
        ? this.#drainEndOf(registration)
        : clock.now() + registration.leaseMs;
    leases.track(registration);
    consensus.onRegistered(registration);
  }

  /** @param appliesInMs - time until the pending change applies; default: the remaining guarantee of the entry */
  onEntryChanged(name: string, appliesInMs?: number): void {
    const { state, guarantees, clock } = this.#deps;
    const entry = state.entries.get(name);
    const record = entry?.record;
    if (record?.pending === undefined) guarantees.unfreeze(name);
    else if (!guarantees.frozenEntries().has(name))
      guarantees.freeze(name, clock.now() + (appliesInMs ?? guarantees.remainingMs(name, record)));
    const isEmpty =
      record?.kind === 'service' &&
      !record.defined &&
      record.pending === undefined &&
      (entry?.service?.endpoints.size ?? 0) === 0;
    if (!isEmpty) this.#emptyServices.delete(name);
    else if (!this.#emptyServices.has(name)) this.#emptyServices.put(name, clock.now());
  }

  /**
   * Called when no client has the address of a draining endpoint. Removes the endpoint at once, or, if that fails,
   * after its drain time.
   */
  endDrain({ entry: { name }, id, epoch }: Registration): Promise<void> {
    return this.#deps.submit(() => ({ kind: 'expire-endpoints', endpoints: [{ name, id, epoch }] }), true);
  }

  onBatchApplied(): void {
    this.#arm();
  }

  /** Submits again all removals and pending changes that were rejected while the store could not be written. */
  onStoreRecovered(): void {
    const { state, guarantees, clock } = this.#deps;
    for (const [name, until] of guarantees.frozenEntries())
      if (until === Infinity) guarantees.freeze(name, clock.now());
    for (const name of state.entries.keys()) this.onEntryChanged(name);
    this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  /**
   * Returns the time from which no client uses the endpoint. Clients may use a lookup until its TTL or guarantee ends.
   * The process before the last restart may have shown the endpoint until this process started.
   */
  #drainEndOf({ entry: { record, service } }: Registration): number {
    const usableMs = Math.max(limits.lookupTtlMs, record.guaranteedMs) + clockMarginMs;
    // Other servers may show the endpoint until they have read the drain from the log.
    if (this.#deps.holders !== undefined) return this.#deps.clock.now() + usableMs + maxAgeMs;
    const shownAt = Math.max(this.#openedAt, service?.endpointsShownAt ?? 0);
    return Math.max(this.#deps.clock.now(), shownAt + usableMs);
  }

  #arm(): void {
    if (this.#isClosed) return;
    const { clock, leases, guarantees } = this.#deps;
    const now = clock.now();
    let at = this.#emptyServices.nextDueAt;
    if (leases.size > 0) at = Math.min(at, (this.#leasesCheckedAt ??= now) + leases.tickMs);
    else this.#leasesCheckedAt = undefined;
    at = Math.max(now, Math.min(at, guarantees.earliestEnd));
    // An overdue timer stays set, because its lateness shows how long this process was stalled.
    if (at === this.#timerAt || this.#timerAt < now) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = undefined;
    if (at === Infinity) return;
    this.#timer = clock.setTimer(() => this.#onTimer(), at - now);
    this.#timer.setRef(false);
  }

  #onTimer(): void {
    const { clock, leases } = this.#deps;
    const now = clock.now();
    const lateMs = now - this.#timerAt;
    // The stall may have started right after the previous check, so it may be one tick longer than the delay.
    if (lateMs >= leases.tickMs) leases.creditStall(lateMs + leases.tickMs, now);
    clock.afterPendingIo(() => {
      if (this.#isClosed) return;
      this.#timerAt = Infinity;
      if (leases.size > 0) this.#leasesCheckedAt = clock.now();
      this.#runDue(clock.now());
      this.#arm();
    });
  }

  #runDue(now: number): void {
    const { guarantees, submit } = this.#deps;
    this.#expireEndpoints(now);
    let commands = 0;
    if (this.#emptyServices.nextDueAt <= now)
      for (const name of this.#emptyServices.takeDue(now)) {
        void submit(() => ({ kind: 'expire-service', name }));
        if (++commands >= maxCommandsPerRun) return;
      }
    if (guarantees.earliestEnd > now) return;
    for (const [name, until] of [...guarantees.frozenEntries()]) {
      if (until > now) continue;
      // The timer is due again at once, and handles the other entries.
      if (++commands > maxCommandsPerRun) return;
      // `Infinity` prevents a second command for this entry. `onEntryChanged` ends the freeze later.
      guarantees.freeze(name, Infinity);
      // Another server may have applied this change already, and may have scheduled a different change.
      void submit(() => (guarantees.isApplying(name) ? { kind: 'apply-pending', name } : undefined));
    }
  }

  #expireEndpoints(now: number): void {
    const { leases, consensus, holders, submit } = this.#deps;
    if (holders?.isPaused === true) return;
    const expired = leases.collectExpired(now);
    consensus.onRenewalOverdue(leases.takeOverdue());
    if (expired.length === 0 || this.#isExpiring) return;
    this.#isExpiring = true;
    const prepare = (part: readonly Registration[]): ReturnType<PrepareCommand> => {
      const endpoints: EndpointRef[] = [];
      for (const registration of part) {
        // The registration may have been renewed while the command was queued.
        if (!leases.hasExpired(registration)) continue;
        if (!registration.draining && !registration.isRemovalPending) this.expiredRegistrations += 1;
        registration.isRemovalPending = true;
        endpoints.push({ name: registration.entry.name, id: registration.id, epoch: registration.epoch });
      }
      return endpoints.length === 0 ? undefined : { kind: 'expire-endpoints', endpoints };
    };
    const removeAll = async (): Promise<void> => {
      for (let i = 0; i < expired.length; i += maxExpiredPerCommand) {
        const part = expired.slice(i, i + maxExpiredPerCommand);
        await submit(() => prepare(part), true);
        if (holders !== undefined) this.#keepUnremoved(part);
      }
      this.#isExpiring = false;
    };
    void removeAll();
  }

  /** Allows renewals again for endpoints whose removal could not be saved. */
  #keepUnremoved(registrations: readonly Registration[]): void {
    for (const registration of registrations) {
      if (!this.#deps.leases.hasExpired(registration) || !registration.isRemovalPending) continue;
      registration.isRemovalPending = false;
      if (!registration.draining) this.expiredRegistrations -= 1;
    }
  }
}
