/**
 * Makes happen what only time brings about, on one timer: leases that end, services that vanish, frozen entries that
 * change. What arrived while this process was busy is handled before anybody is judged late.
 */
import type { Clock, Timer } from '../../core/clock.js';
import { limits } from '../../protocol/limits.js';
import type { NamingCommand, EndpointRef } from './commands/naming-command.js';
import type { HealthConsensus } from './health/health-consensus.js';
import type { Leases } from './leases.js';
import { clockMarginMs, type Guarantees } from './guarantees.js';
import type { Registration } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';

/** A service that nobody defined stays this long after its last endpoint. */
const emptyServiceMs = 300_000;

/** What time works on. */
export interface ExpiryDependencies {
  readonly clock: Clock;
  readonly state: NamingState;
  readonly leases: Leases;
  readonly consensus: HealthConsensus;
  readonly guarantees: Guarantees;
  /** Hands in a command that is made when its turn comes. Never rejects. */
  readonly submit: (prepare: () => NamingCommand | undefined) => Promise<void>;
}

export class ExpiryScheduler {
  readonly #deps: ExpiryDependencies;
  /** By name: when a service that nobody defined and nobody runs goes. */
  readonly #emptyServices = new Map<string, number>();
  #timer: Timer | undefined;
  #timerAt = Infinity;
  /** When leases were looked at last; undefined while there are none. */
  #leasesCheckedAt: number | undefined;
  /** Registrations that were dropped since nobody renewed them. */
  expiredRegistrations = 0;
  #isExpiring = false;
  #isClosed = false;

  constructor(deps: ExpiryDependencies) {
    this.#deps = deps;
  }

  /** Starts the time of everything that a store had. */
  start(): void {
    for (const name of this.#deps.state.entries.keys()) this.onEntryChanged(name);
    this.#arm();
  }

  /** A registration came or changed: its lease, or its time to drain, runs from now unless it goes on from before. */
  onRegistered(registration: Registration): void {
    const { clock, leases, consensus } = this.#deps;
    const { draining, leaseMs, entry } = registration;
    const drainMs = Math.max(limits.lookupTtlMs, entry.record.guaranteedMs) + clockMarginMs;
    if (registration.expiresAt === 0) registration.expiresAt = clock.now() + (draining ? drainMs : leaseMs);
    leases.track(registration);
    consensus.onRegistered(registration);
  }

  /** Looks at a name that changed. `inMs` is what its change waits for, where it was frozen now. */
  onEntryChanged(name: string, inMs?: number): void {
    const { state, guarantees, clock } = this.#deps;
    const place = state.entries.get(name);
    const record = place?.record;
    if (record?.pending === undefined) guarantees.unfreeze(name);
    else if (guarantees.frozenUntil(name) === undefined)
      guarantees.freeze(name, clock.now() + (inMs ?? guarantees.remainingMs(name, record.guaranteedMs)));
    const isIdle =
      record?.kind === 'service' &&
      !record.defined &&
      record.pending === undefined &&
      (place?.service?.endpoints.size ?? 0) === 0;
    if (!isIdle) this.#emptyServices.delete(name);
    else if (!this.#emptyServices.has(name)) this.#emptyServices.set(name, clock.now() + emptyServiceMs);
  }

  /** Everything was looked at; the timer follows. */
  onBatchApplied(): void {
    this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#isClosed) return;
    const { clock, leases, guarantees } = this.#deps;
    const now = clock.now();
    let at = Infinity;
    if (leases.size > 0) at = (this.#leasesCheckedAt ??= now) + leases.tickMs;
    else this.#leasesCheckedAt = undefined;
    // They were put in in the order in which they come out.
    for (const until of this.#emptyServices.values()) {
      at = Math.min(at, until);
      break;
    }
    for (const until of guarantees.frozenEntries().values()) at = Math.min(at, until);
    at = Math.max(at, now);
    // One that is overdue rings as soon as it can, and must say by how much.
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
    // It may have begun right after leases were looked at last.
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
    for (const [name, until] of this.#emptyServices) {
      if (until > now) break;
      this.#emptyServices.delete(name);
      void submit(() => ({ kind: 'vanish', name }));
    }
    for (const [name, until] of guarantees.frozenEntries()) {
      if (until > now) continue;
      // Not asked for twice; it thaws when it is done.
      guarantees.freeze(name, Infinity);
      void submit(() => ({ kind: 'complete', name }));
    }
  }

  #expireEndpoints(now: number): void {
    const { leases, consensus, submit } = this.#deps;
    const due = leases.takeExpired(now);
    consensus.onRenewalOverdue(leases.takeOverdue());
    if (due.length === 0 || this.#isExpiring) return;
    this.#isExpiring = true;
    const prepare = (): NamingCommand | undefined => {
      const endpoints: EndpointRef[] = [];
      for (const registration of due) {
        // It may have been renewed while this waited for its turn.
        if (!leases.hasExpired(registration)) continue;
        registration.isRemovalPending = true;
        if (!registration.draining) this.expiredRegistrations += 1;
        endpoints.push({ name: registration.entry.name, id: registration.id, epoch: registration.epoch });
      }
      return endpoints.length === 0 ? undefined : { kind: 'drop', endpoints };
    };
    void submit(prepare).then(() => {
      this.#isExpiring = false;
    });
  }
}
