import type { AsyncResource } from 'node:async_hooks';
import { sleep, type Clock } from '../core/clock.js';
import { copyError, isClerkError } from '../core/errors.js';
import { runWithoutInbound } from '../core/inbound-request.js';
import type { ReceivedTicket, ServiceTicket, TicketSource } from '../core/service-ticket.js';
import { createLruMap, type LruMap } from '../resolve/lru-cache.js';

export interface TicketCacheOptions {
  readonly clock: Clock;
  /** Requests a ticket from the registry. */
  readonly request: (service: string) => Promise<ReceivedTicket>;
  readonly maxNames: number;
  /** Async context of background renewals, for which no call waits. */
  readonly asyncContext: AsyncResource;
}

interface Entry {
  ticket: ServiceTicket | undefined;
  discardedAt: number;
  /** Minimum time between two discards, in ms. */
  discardIntervalMs: number;
  /** Number of discards before the end of `discardIntervalMs`. */
  quickDiscards: number;
  /** When the ticket is renewed in the background. */
  renewAt: number;
  pending: Promise<ServiceTicket> | undefined;
}

/** A ticket is renewed in the background after this fraction of its lifetime. */
const renewalFraction = 0.8;
/** Interval between two background renewals after a failure, and the first interval between two discards. */
const minIntervalMs = 1_000;
/** Maximum interval between two discards, in ms. Each further discard doubles the interval, up to this maximum. */
const maxDiscardIntervalMs = 60_000;
/**
 * Maximum number of discards before the end of the interval. A restored registry may change its incarnation twice
 * within a short time, so a service may refuse two tickets.
 */
const maxQuickDiscards = 2;
/**
 * Time after a discard, in ms, in which a failed request to the registry is repeated. A restored registry may at
 * first not respond, or not know the service.
 */
const maxRecoveryMs = 2_000;
const recoveryPollMs = 100;

/**
 * Caches tickets by canonical name. A ticket is used until it expires, even if the registry is unreachable.
 * @see [C7.2](../../docs/guarantees.md#c7-2)
 */
export class TicketCache implements TicketSource {
  readonly #options: TicketCacheOptions;
  #entries: LruMap<Entry>;
  #version = 0;

  constructor(options: TicketCacheOptions) {
    this.#options = options;
    this.#entries = this.#createEntries();
  }

  get version(): number {
    return this.#version;
  }

  cached(service: string): ServiceTicket | undefined {
    const entry = this.#entries.get(service);
    if (entry?.ticket === undefined) return undefined;
    const now = this.#options.clock.now();
    if (now >= entry.renewAt) this.#renew(service, entry);
    return now < entry.ticket.expiresAt ? entry.ticket : undefined;
  }

  async get(service: string): Promise<ServiceTicket> {
    const cached = this.cached(service);
    if (cached !== undefined) return cached;
    let entry = this.#entries.get(service);
    if (entry === undefined) {
      entry = {
        ...{ ticket: undefined, renewAt: 0, pending: undefined },
        ...{ discardedAt: -Infinity, discardIntervalMs: minIntervalMs, quickDiscards: 0 },
      };
      this.#entries.set(service, entry);
    }
    try {
      return await this.#request(service, entry);
    } catch (error) {
      throw copyError(error);
    }
  }

  discard(service: string, refused: string | undefined): boolean {
    const entry = this.#entries.get(service);
    if (entry?.ticket === undefined || entry.ticket.text !== refused) return true;
    const now = this.#options.clock.now();
    if (!mayDiscard(entry, now)) return false;
    entry.discardedAt = now;
    entry.ticket = undefined;
    this.#version++;
    return true;
  }

  /** Called when the key of this program has changed, because each ticket belongs to one key. */
  clear(): void {
    this.#version++;
    this.#entries = this.#createEntries();
  }

  #createEntries(): LruMap<Entry> {
    return createLruMap<Entry>(this.#options.maxNames, () => undefined);
  }

  #renew(service: string, entry: Entry): void {
    entry.renewAt = Infinity;
    this.#options.asyncContext.runInAsyncScope(() => {
      this.#request(service, entry).catch(() => {
        entry.renewAt = this.#options.clock.now() + minIntervalMs;
      });
    });
  }

  #request(service: string, entry: Entry): Promise<ServiceTicket> {
    entry.pending ??= runWithoutInbound(() => this.#send(service, entry)).finally(
      () => (entry.pending = undefined),
    );
    return entry.pending;
  }

  async #send(service: string, entry: Entry): Promise<ServiceTicket> {
    const { clock, request } = this.#options;
    for (;;) {
      const entries = this.#entries;
      const sentAt = clock.now();
      let received: ReceivedTicket;
      try {
        received = await request(service);
      } catch (error) {
        if (!isRecovering(entry, error, clock.now())) throw error;
        await sleep(clock, recoveryPollMs, false);
        continue;
      }
      const { text, expiresInMs } = received;
      // If the key of this program has changed during the request, a ticket for the new key is requested.
      if (entries !== this.#entries) continue;
      entry.renewAt = sentAt + expiresInMs * renewalFraction;
      entry.ticket = Object.freeze({ text, expiresAt: sentAt + expiresInMs, freshUntil: entry.renewAt });
      return entry.ticket;
    }
  }
}

/**
 * Whether a refused ticket may be discarded now. The limit exists because a service that refuses every ticket would
 * otherwise cause a request to the registry for each call.
 */
function mayDiscard(entry: Entry, now: number): boolean {
  const elapsedMs = now - entry.discardedAt;
  if (elapsedMs < entry.discardIntervalMs) return ++entry.quickDiscards <= maxQuickDiscards;
  const isRepeated = elapsedMs < 2 * entry.discardIntervalMs;
  if (!isRepeated) entry.quickDiscards = 0;
  entry.discardIntervalMs = isRepeated
    ? Math.min(2 * entry.discardIntervalMs, maxDiscardIntervalMs)
    : minIntervalMs;
  return true;
}

function isRecovering({ discardedAt }: Entry, error: unknown, now: number): boolean {
  return (
    now - discardedAt < maxRecoveryMs &&
    isClerkError(error) &&
    (error.code === 'NAME_NOT_FOUND' || error.code === 'REGISTRY_UNREACHABLE')
  );
}
