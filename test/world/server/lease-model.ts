import type { CoverageMark } from '../coverage.js';
import type { StoredEndpoint } from './stored-state.js';

/** A period in which the server could not expire leases. */
interface Outage {
  readonly from: number;
  until: number;
  /** The server was paused, and may have extended all leases by that time. */
  readonly isStop: boolean;
}

interface Lease {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  /** Time of the last renewal, or of the server's start. */
  from: number;
  readonly isDraining: boolean;
  /** Time from the last lookup to the start of the drain, by which the drain may be shorter. */
  unseenMs: number;
}

export type LeaseCopy = readonly (readonly [string, Lease])[];

export interface LeaseModelOptions {
  readonly now: () => number;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
  readonly log: (line: string) => void;
  readonly stateOf: (name: string, id: string, epoch: number) => string | undefined;
}

/** Below this number of endpoints, the server never slows down mass expiry. */
const massExpiryThreshold = 8;

/**
 * Computes when each lease must be valid and when it must have expired, from the requests that the server has received.
 *
 * @see [C5.2](../../../docs/guarantees.md#c5-2), [C5.3](../../../docs/guarantees.md#c5-3), [C5.5](../../../docs/guarantees.md#c5-5)
 */
export class LeaseModel {
  readonly #options: LeaseModelOptions;
  readonly #leases = new Map<string, Lease>();
  readonly #outages: Outage[] = [];
  #lives = 0;
  #openedAt = 0;
  /** The present outage: the store cannot be written, or the server is down. */
  #down: Outage | undefined;
  /** Highest number of endpoints at one time. */
  #maxEndpoints = 0;

  constructor(options: LeaseModelOptions) {
    this.#options = options;
  }

  copy(): LeaseCopy {
    return [...this.#leases].map(([key, lease]) => [key, { ...lease }]);
  }

  /** An older copy replaces the data. Its leases begin again at the next start. */
  restore(copy: LeaseCopy): void {
    this.#leases.clear();
    for (const [key, lease] of copy) this.#leases.set(key, { ...lease });
  }

  /** A server has started. Returns whether it is not the first one. */
  opened(): boolean {
    const now = this.#options.now();
    for (const lease of this.#leases.values()) {
      lease.from = now;
      lease.unseenMs = 0;
    }
    this.#openedAt = now;
    if (this.#down) this.#down.until = now;
    this.#down = undefined;
    return ++this.#lives > 1;
  }

  /** The server can write its store again. */
  recovered(): void {
    if (this.#down) this.#down.until = this.#options.now();
    this.#down = undefined;
  }

  /** The server is down until the next `opened` or `recovered`. */
  down(): void {
    if (this.#down) return;
    this.#down = { from: this.#options.now(), until: Infinity, isStop: false };
    this.#outages.push(this.#down);
  }

  /** The server was unable to act from `from` until now. */
  outage(from: number, isStop: boolean): void {
    this.#outages.push({ from, until: this.#options.now(), isStop });
  }

  granted(name: string, { id, epoch, leaseMs }: StoredEndpoint): void {
    this.#set({ name, id, epoch, leaseMs, from: this.#options.now(), isDraining: false, unseenMs: 0 });
  }

  /** @param shownAt - when the last lookup showed the service; 0 for never */
  draining(name: string, { id, epoch }: StoredEndpoint, drainMs: number, shownAt: number): void {
    const from = this.#options.now();
    const unseenMs = from - Math.max(this.#openedAt, shownAt);
    this.#set({ name, id, epoch, leaseMs: drainMs, from, isDraining: true, unseenMs });
  }

  renewed(name: string, { id }: StoredEndpoint): void {
    const { now, mark } = this.#options;
    const lease = this.#leases.get(`${name} ${id}`);
    if (lease === undefined || lease.isDraining) return;
    mark('lease-renewed');
    if (now() > lease.from + 0.8 * lease.leaseMs) mark('renewed-late');
    lease.from = now();
  }

  /** Ids of the endpoints of a name. */
  of(name: string): readonly string[] {
    return [...this.#leases.values()].filter((lease) => lease.name === name).map(({ id }) => id);
  }

  /** An endpoint was moved to another name, and keeps its lease. Returns false without such an endpoint. */
  moved(from: string, to: string, id: string): boolean {
    const lease = this.#leases.get(`${from} ${id}`);
    if (lease === undefined) return false;
    this.#leases.delete(`${from} ${id}`);
    this.#leases.set(`${to} ${id}`, { ...lease, name: to });
    return true;
  }

  /** Time of the last renewal, or of the server's start. */
  renewedAt(name: string, { id }: StoredEndpoint): number | undefined {
    return this.#leases.get(`${name} ${id}`)?.from;
  }

  hasEnded(name: string, { id }: StoredEndpoint): boolean {
    const lease = this.#leases.get(`${name} ${id}`);
    return lease === undefined || this.#options.now() >= this.#earliestEnd(lease);
  }

  /**
   * An endpoint was removed.
   *
   * @param wasRequested - whether a request removed it
   */
  removed(name: string, { id, epoch }: StoredEndpoint, wasRequested: boolean): void {
    const { now, mark, violate, stateOf, log } = this.#options;
    const key = `${name} ${id}`;
    const lease = this.#leases.get(key);
    this.#leases.delete(key);
    if (lease === undefined || wasRequested) return;
    const what = lease.isDraining ? 'drain' : 'lease';
    log(`the ${what} of ${key} has expired`);
    const earliest = this.#earliestEnd(lease);
    if (now() < earliest - 0.001)
      violate(
        lease.isDraining ? 'C1.2' : 'C5.2',
        `the ${what} of ${key}, epoch ${epoch}, ends ${(earliest - now()).toFixed(0)} ms early`,
      );
    this.#checkExpires(lease);
    if (lease.isDraining) return;
    mark('lease-expired');
    if (['registered', 'starting'].includes(stateOf(name, id, epoch) ?? ''))
      violate('C5.3', `${key}, epoch ${epoch}, was removed although its service still counts as registered`);
  }

  /** Checks that no lease outlives its time. */
  checkAll(): void {
    for (const lease of this.#leases.values()) this.#checkExpires(lease);
  }

  #set(lease: Lease): void {
    this.#leases.set(`${lease.name} ${lease.id}`, lease);
    this.#maxEndpoints = Math.max(this.#maxEndpoints, this.#leases.size);
  }

  /** Pauses of the server of at earliest a third of the lease extend it. @see [C5.5](../../../docs/guarantees.md#c5-5) */
  #earliestEnd({ from, leaseMs, isDraining, unseenMs }: Lease): number {
    let end = from + leaseMs;
    if (isDraining) return Math.max(from, end - unseenMs);
    for (const outage of this.#outages) {
      const ms = outage.until - outage.from;
      if (outage.isStop && outage.from >= from && outage.from < end && ms >= leaseMs / 3 + 1) end += ms;
    }
    return end;
  }

  #checkExpires(lease: Lease): void {
    const { now, violate } = this.#options;
    const { from, leaseMs, name, id, isDraining } = lease;
    let maxMs = leaseMs + (isDraining ? 250 : 0) + Math.max(leaseMs, 5_000) / 3 + 1_000;
    if (this.#maxEndpoints >= massExpiryThreshold) maxMs += leaseMs;
    for (const { from: began, until: ended, isStop } of this.#outages) {
      if (ended <= from) continue;
      const until = Math.min(ended, now());
      // A pause extends leases by slightly more than its length, from the last expiry check.
      maxMs += until - Math.max(began, from) + (isStop ? until - began + leaseMs / 8 + 500 : 0);
    }
    if (now() - from > maxMs)
      violate('C5.2', `${id} of ${name} outlives its lease by ${(now() - from - leaseMs).toFixed(0)} ms`);
  }
}
