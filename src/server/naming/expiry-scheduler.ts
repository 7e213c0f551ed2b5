import type { Clock, Timer } from '../../core/clock.js';
import { limits } from '../../protocol/limits.js';
import type { EndpointRef, PrepareCommand } from './commands/naming-command.js';
import { DelayQueue } from './delay-queue.js';
import { clockMarginMs, type Guarantees } from './guarantees.js';
import type { HealthConsensus } from './health/health-consensus.js';
import type { Leases } from './leases.js';
import type { Registration } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';

/** An implicit service without endpoints is removed after this time. */
const emptyServiceMs = 300_000;
/** Endpoints that one command removes. Other work of this process runs between two commands. */
const maxExpiredPerCommand = 500;
/** Removals of services and pending changes that one run of the timer submits. */
const maxCommandsPerRun = 500;

export interface ExpiryDependencies {
  readonly clock: Clock;
  readonly state: NamingState;
  readonly leases: Leases;
  readonly consensus: HealthConsensus;
  readonly guarantees: Guarantees;
  /** The returned promise never rejects. */
  readonly submit: (prepare: PrepareCommand, endsEndpoints?: boolean) => Promise<void>;
}

/**
 * Removes endpoints at the end of their lease or drain time. Removes an implicit service 5 min after its last
 * endpoint. Applies the pending changes of frozen entries. Before a lease expires, requests that have already arrived
 * are handled, because one of them may renew the lease.
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

  /** A moved registration keeps its expiry time. */
  onRegistered(registration: Registration): void {
    const { clock, leases, consensus } = this.#deps;
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
      guarantees.freeze(
        name,
        clock.now() + (appliesInMs ?? guarantees.remainingMs(name, record.guaranteedMs)),
      );
    const isEmpty =
      record?.kind === 'service' &&
      !record.defined &&
      record.pending === undefined &&
      (entry?.service?.endpoints.size ?? 0) === 0;
    if (!isEmpty) this.#emptyServices.delete(name);
    else if (!this.#emptyServices.has(name)) this.#emptyServices.put(name, clock.now());
  }

  /** Removes an endpoint that no client can know. If the removal is not saved, the endpoint is removed later. */
  endDrain({ entry: { name }, id, epoch }: Registration): Promise<void> {
    return this.#deps.submit(() => ({ kind: 'expire-endpoints', endpoints: [{ name, id, epoch }] }), true);
  }

  onBatchApplied(): void {
    this.#arm();
  }

  /** Submits again what was rejected while the store could not be written. */
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
   * Clients may use the last lookup until its TTL or its guarantee ends. Earlier runs of the server may have shown the
   * endpoint until this run began.
   */
  #drainEndOf({ entry: { record, service } }: Registration): number {
    const usableMs = Math.max(limits.lookupTtlMs, record.guaranteedMs) + clockMarginMs;
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
    // The stall may have started right after the previous check, at most one tick before the due time.
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
      // The timer runs again at once for the other entries.
      if (++commands > maxCommandsPerRun) return;
      // `Infinity` prevents a second command for the entry. `onEntryChanged` ends the freeze.
      guarantees.freeze(name, Infinity);
      void submit(() => ({ kind: 'apply-pending', name }));
    }
  }

  #expireEndpoints(now: number): void {
    const { leases, consensus, submit } = this.#deps;
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
      }
      this.#isExpiring = false;
    };
    void removeAll();
  }
}
