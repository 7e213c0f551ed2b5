/**
 * When each lease must hold and when it must be over, by what the server was told and when. @see promises C5.2, C5.3, C5.5
 */
import type { CoverageMark } from '../coverage.js';
import type { StoredEndpoint } from './stored-state.js';

/** A time in which the server could not do what time brings about. */
interface Outage {
  readonly from: number;
  until: number;
  /** It was stopped, and may have given all leases that time back. */
  readonly isStop: boolean;
}

interface Lease {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  /** When the server was last told that its holder lives, or began to look after it. */
  from: number;
  readonly isDraining: boolean;
}

export interface LeaseModelOptions {
  readonly now: () => number;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (promise: string, what: string) => void;
  readonly log: (line: string) => void;
  readonly stateOf: (name: string, id: string, epoch: number) => string | undefined;
}

/** Below so many endpoints the server never slows the end of leases. */
const massExpiryThreshold = 8;

export class LeaseModel {
  readonly #options: LeaseModelOptions;
  readonly #leases = new Map<string, Lease>();
  readonly #outages: Outage[] = [];
  #lives = 0;
  /** Since when nothing can be written, or there is no server. */
  #down: Outage | undefined;
  /** Most endpoints at a time. */
  #maxEndpoints = 0;

  constructor(options: LeaseModelOptions) {
    this.#options = options;
  }

  /** A server begins to look after leases. Returns whether it is not the first. */
  opened(): boolean {
    const now = this.#options.now();
    for (const lease of this.#leases.values()) lease.from = now;
    if (this.#down) this.#down.until = now;
    this.#down = undefined;
    return ++this.#lives > 1;
  }

  /** From now on the server can do nothing, until another is opened. */
  down(): void {
    if (this.#down) return;
    this.#down = { from: this.#options.now(), until: Infinity, isStop: false };
    this.#outages.push(this.#down);
  }

  /** From `from` until now the server could do nothing. */
  outage(from: number, isStop: boolean): void {
    this.#outages.push({ from, until: this.#options.now(), isStop });
  }

  granted(name: string, { id, epoch, leaseMs }: StoredEndpoint): void {
    this.#set({ name, id, epoch, leaseMs, from: this.#options.now(), isDraining: false });
  }

  draining(name: string, { id, epoch }: StoredEndpoint, drainMs: number): void {
    this.#set({ name, id, epoch, leaseMs: drainMs, from: this.#options.now(), isDraining: true });
  }

  renewed(name: string, { id }: StoredEndpoint): void {
    const { now, mark } = this.#options;
    const lease = this.#leases.get(`${name} ${id}`);
    if (lease === undefined || lease.isDraining) return;
    mark('lease-renewed');
    if (now() > lease.from + 0.8 * lease.leaseMs) mark('renewed-just-in-time');
    lease.from = now();
  }

  hasEnded(name: string, { id }: StoredEndpoint): boolean {
    const lease = this.#leases.get(`${name} ${id}`);
    return lease === undefined || this.#options.now() >= this.#earliestEnd(lease);
  }

  /**
   * An endpoint is gone.
   *
   * @param wasRequested - somebody wanted it so
   */
  removed(name: string, { id, epoch }: StoredEndpoint, wasRequested: boolean): void {
    const { now, mark, violate, stateOf, log } = this.#options;
    const key = `${name} ${id}`;
    const lease = this.#leases.get(key);
    this.#leases.delete(key);
    if (lease === undefined || wasRequested) return;
    const what = lease.isDraining ? 'drain' : 'lease';
    log(`the ${what} of ${key} is over`);
    const least = this.#earliestEnd(lease);
    if (now() < least - 0.001)
      violate(
        lease.isDraining ? 'C1.2' : 'C5.2',
        `the ${what} of ${key}, epoch ${epoch}, ends ${(least - now()).toFixed(0)} ms early`,
      );
    this.#checkExpires(lease);
    if (lease.isDraining) return;
    mark('lease-expired');
    if (stateOf(name, id, epoch) === 'registered')
      violate('C5.3', `${key}, epoch ${epoch}, is gone and its holder does not know`);
  }

  /** Nobody stays for ever. */
  checkAll(): void {
    for (const lease of this.#leases.values()) this.#checkExpires(lease);
  }

  #set(lease: Lease): void {
    this.#leases.set(`${lease.name} ${lease.id}`, lease);
    this.#maxEndpoints = Math.max(this.#maxEndpoints, this.#leases.size);
  }

  /** With the time that the server itself stood still for a third of the lease or longer. @see promises C5.5 */
  #earliestEnd({ from, leaseMs, isDraining }: Lease): number {
    let end = from + leaseMs;
    if (isDraining) return end;
    for (const outage of this.#outages) {
      const ms = outage.until - outage.from;
      if (outage.isStop && outage.from >= from && outage.from < end && ms >= leaseMs / 3 + 1) end += ms;
    }
    return end;
  }

  #checkExpires(lease: Lease): void {
    const { now, violate } = this.#options;
    const { from, leaseMs, name, id, isDraining } = lease;
    let most = leaseMs + (isDraining ? 250 : 0) + Math.max(leaseMs, 5_000) / 3 + 1_000;
    if (this.#maxEndpoints >= massExpiryThreshold) most += leaseMs;
    for (const { from: began, until: ended, isStop } of this.#outages) {
      if (ended <= from) continue;
      const until = Math.min(ended, now());
      // Of a stop it gives back a little more than it was: from when leases were looked at last.
      most += until - Math.max(began, from) + (isStop ? until - began + leaseMs / 8 + 500 : 0);
    }
    if (now() - from > most)
      violate('C5.2', `${id} of ${name} has outlived its lease by ${(now() - from - leaseMs).toFixed(0)} ms`);
  }
}
