/**
 * One registry as all services of a process use it: their leases are renewed together, a message for all of them every
 * third of a lease. Nothing here keeps the process alive.
 *
 * @see "A Distributed Systems Architecture for the 1990's" C4; promises C5.3
 */
import type { Clock, Timer } from '../core/clock.js';
import type { Load } from '../core/load-report.js';
import { limits } from '../wire/limits.js';
import type {
  ChangeReply,
  RegisterReply,
  RegisterRequest,
  Renewal,
  RenewReply,
  WithdrawRequest,
} from '../wire/messages.js';
import { errorOf } from '../wire/failure.js';
import { paths } from '../wire/paths.js';
import type { Peer, PeerReply } from '../wire/peer.js';
import { Servers } from '../wire/servers.js';
import { ClerkError } from '../core/errors.js';

/** One registration whose lease is renewed. */
export interface Tenant {
  readonly name: string;
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  /** It was told that it is suspect: with its renewals it says that it is well. */
  readonly isSuspect: boolean;
  /** What it says of its load, if it does: sent along. */
  readonly load: Load | undefined;
  /** The registry's word on a renewal that was sent then, on the monotonic clock, and whether it holds it for suspect. */
  onRenewal(word: 'renewed' | 'lost' | 'fenced', sentAt: number, isSuspect: boolean): void;
  /** It gave none. */
  onSilence(error: unknown): void;
}

/** A renewal is sent when a third of the lease is over, give or take a tenth of that. */
const share = 1 / 3;
const spread = 0.1;
/** Who hears that it is suspect answers after so long, in ms. */
const objectionMs = 1_000;
/** After silence the next one is sent after about so much of the lease. */
const againShare = 1 / 6;
/** Renewals that fit into one message, each of at most 247 bytes of name and 128 of id. */
const mostTogether = Math.min(limits.mostBatch, Math.floor(limits.bodyBytes / 512));

/** See the file's header. */
export class Office {
  readonly #servers: Servers;
  readonly #clock: Clock;
  readonly #dueAt = new Map<Tenant, number>();
  readonly #forever = new AbortController().signal;
  #timer: Timer | undefined;
  #timerAt = Infinity;

  constructor(peers: readonly Peer[], clock: Clock) {
    this.#servers = new Servers(peers, clock);
    this.#clock = clock;
  }

  register(request: RegisterRequest, signal: AbortSignal): Promise<RegisterReply> {
    return this.#post(paths.register, request, signal, 3_000, (body) =>
      typeof body.epoch === 'number' && typeof body.leaseMs === 'number' && body.leaseMs > 0
        ? (body as unknown as RegisterReply)
        : undefined,
    );
  }

  withdraw(request: WithdrawRequest, signal: AbortSignal): Promise<ChangeReply> {
    return this.#post(paths.withdraw, request, signal, 2_000, (body) =>
      typeof body.inMs === 'number' ? (body as unknown as ChangeReply) : undefined,
    );
  }

  /** From now on it is renewed. */
  join(tenant: Tenant): void {
    this.#due(tenant, tenant.leaseMs * share);
  }

  /** It is not renewed any more. */
  leave(tenant: Tenant): void {
    this.#dueAt.delete(tenant);
    if (this.#dueAt.size > 0) return;
    this.#timer?.cancel();
    this.#timerAt = Infinity;
  }

  close(): Promise<void> {
    this.#timer?.cancel();
    this.#dueAt.clear();
    return this.#servers.close();
  }

  #due(tenant: Tenant, afterMs: number): void {
    const clock = this.#clock;
    const at = clock.now() + afterMs * (1 - spread + 2 * spread * clock.random());
    this.#dueAt.set(tenant, at);
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
    const due = [...this.#dueAt].filter(([{ leaseMs }, at]) => at - now <= (leaseMs * share) / 3);
    for (const [tenant] of due) this.#dueAt.set(tenant, Infinity);
    for (let i = 0; i < due.length; i += mostTogether)
      void this.#renew(due.slice(i, i + mostTogether).map(([tenant]) => tenant));
    const [next, at] = [...this.#dueAt].reduce<readonly [Tenant | undefined, number]>(
      (first, each) => (each[1] < first[1] ? each : first),
      [undefined, Infinity],
    );
    if (next === undefined) return;
    this.#timerAt = at;
    this.#timer = this.#clock.setTimer(() => this.#tick(), Math.max(0, at - now));
    this.#timer.setRef(false);
  }

  async #renew(tenants: readonly Tenant[]): Promise<void> {
    const sentAt = this.#clock.now();
    const limitMs = Math.max(250, Math.min(2_000, Math.min(...tenants.map(({ leaseMs }) => leaseMs)) / 6));
    try {
      const { results, suspects } = await this.#post(
        paths.renew,
        { renewals: tenants.map(renewalOf) },
        this.#forever,
        limitMs,
        (body) =>
          Array.isArray(body.results) && body.results.length === tenants.length
            ? (body as unknown as RenewReply)
            : undefined,
      );
      for (const [i, tenant] of tenants.entries()) {
        if (!this.#dueAt.has(tenant)) continue;
        const isSuspect = Array.isArray(suspects) && suspects.includes(i);
        const afterMs = tenant.leaseMs * share - (this.#clock.now() - sentAt);
        this.#due(tenant, isSuspect && !tenant.isSuspect ? Math.min(objectionMs, afterMs) : afterMs);
        tenant.onRenewal(results[i] as RenewReply['results'][number], sentAt, isSuspect);
      }
    } catch (error) {
      for (const tenant of tenants) {
        if (!this.#dueAt.has(tenant)) continue;
        // Further apart than usual it would be too late; much closer, all services would storm a registry that returns.
        const pauseMs = tenant.leaseMs * againShare * (0.5 + this.#clock.random());
        this.#due(tenant, pauseMs);
        tenant.onSilence(error);
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
    return this.#servers.ask(
      { path, body, headMs },
      {
        signal,
        // Two servers must not both be told: the second would fence what the first has given.
        hedged: false,
        read: (reply: PeerReply, peer: Peer) => {
          if (reply.status !== 200)
            throw errorOf(reply.status, reply.body, `The question for ${path} at ${peer.url}`);
          const found = typeof reply.body === 'object' && reply.body !== null ? read(reply.body) : undefined;
          if (found === undefined)
            throw new ClerkError(
              'REGISTRY_INVALID',
              `The answer of ${peer.url} to ${path} makes no sense; is that the address of a registry`,
            );
          return found;
        },
      },
    );
  }
}

function renewalOf({ name, id, epoch, load, isSuspect }: Tenant): Renewal {
  return { name, id, epoch, ...(load !== undefined && { load }), ...(isSuspect && { well: true }) };
}
