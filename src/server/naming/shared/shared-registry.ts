import type { Timer } from '../../../core/clock.js';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import type { Logger } from '../../../core/logger.js';
import type { SharedLog } from '../../shared-log.js';
import type { PrepareCommand } from '../commands/naming-command.js';
import type { Committer } from '../committer.js';
import type { ExpiryScheduler, LeaseHolders } from '../expiry-scheduler.js';
import type { Leases } from '../leases.js';
import type { Registration } from '../state/name-entry.js';
import type { NamingState } from '../state/naming-state.js';
import type { Freshness } from './freshness.js';
import type { LogReplica, ReplicaRuntime } from './log-replica.js';
import { Peers } from './peers.js';
import { ServerSession } from './server-session.js';

/** Interval between two reads of the head of the log, in ms. */
const pollMs = 250;
const awayPollMs = 500;

/** What a name server with a shared log needs. */
export interface SharedContext {
  readonly log: SharedLog;
  readonly replica: LogReplica;
  readonly freshness: Freshness;
  /** Identifier of this run of the server. */
  readonly server: string;
}

export interface SharedDependencies extends SharedContext {
  readonly runtime: ReplicaRuntime;
  readonly logger: Logger | undefined;
  readonly state: NamingState;
  readonly leases: Leases;
  readonly expiry: () => ExpiryScheduler;
  readonly committer: () => Committer;
}

/**
 * Keeps the state of one of several servers up to date, and decides at which server each lease is renewed and
 * expires.
 */
export class SharedRegistry implements LeaseHolders {
  readonly #deps: SharedDependencies;
  readonly #session: ServerSession;
  readonly #peers: Peers;
  #timer: Timer | undefined;
  #removeHint: (() => void) | undefined;
  #isAway = false;
  #isCatchingUp = false;
  #isClosed = false;

  constructor(deps: SharedDependencies) {
    this.#deps = deps;
    const { log, runtime, freshness, server, logger } = deps;
    this.#session = new ServerSession({
      ...{ log, runtime, freshness, server, logger },
      announce: async (session) => {
        await this.#submit(() => ({ kind: 'set-session', server, session }));
      },
      onRegained: () => this.#restartLeases(),
    });
    this.#peers = new Peers({
      ...{ log, runtime, own: server },
      onChanged: (servers) => this.#onPeersChanged(servers),
      forget: (gone) =>
        void this.#submit(() =>
          this.#peers.isGone(gone) ? { kind: 'set-session', server: gone, session: undefined } : undefined,
        ).catch(() => undefined),
    });
  }

  get freshness(): Freshness {
    return this.#deps.freshness;
  }

  get server(): string {
    return this.#deps.server;
  }

  get isPaused(): boolean {
    return !this.#session.isValid;
  }

  endsHere({ holder }: Registration): boolean {
    return this.isHeldHere(holder) || this.#peers.isGone(holder);
  }

  isHeldHere(holder: string): boolean {
    return holder === this.#deps.server;
  }

  isGone(server: string): boolean {
    return this.#peers.isGone(server);
  }

  onServer(server: string, session: string | undefined): void {
    this.#peers.onServer(server, session);
  }

  /** Resolves when renewals may be answered. Returns undefined when they may be answered at once. */
  ensureSession(): Promise<void> | undefined {
    return this.#session.isValid ? undefined : this.#session.ensure();
  }

  /** @throws {@link ClerkError} `REGISTRY_UNREACHABLE` */
  async start(): Promise<void> {
    await this.#session.start();
    await this.#peers.start();
    this.#removeHint = this.#deps.log.onHint(() => this.#onHint());
    this.#schedule(pollMs);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#removeHint?.();
    this.#peers.close();
    const { server } = this.#deps;
    // With this record, endpoints can renew their leases at another server at once.
    await this.#submit(() => ({ kind: 'set-session', server, session: undefined })).catch(() => undefined);
    await this.#session.close();
    await this.#deps.replica.close();
  }

  #submit(prepare: PrepareCommand): Promise<unknown> {
    return this.#deps.committer().submit(prepare, { atFront: true });
  }

  #schedule(delayMs: number): void {
    if (this.#isClosed) return;
    this.#timer = this.#deps.runtime.setTimer(() => {
      void this.#poll().then(() => this.#schedule(this.#isAway ? awayPollMs : pollMs));
    }, delayMs);
    this.#timer.setRef(false);
  }

  /** Never rejects. */
  async #poll(): Promise<void> {
    const { log, replica, freshness, logger, committer } = this.#deps;
    const sentAt = freshness.instant();
    try {
      const { position, id } = await log.head();
      if (replica.point.position === position && replica.point.id === id) freshness.confirm(sentAt);
      else await committer().catchUp();
      if (this.#isAway) logger?.warn(`This server can reach ${log.subject} again`);
      this.#isAway = false;
    } catch (error) {
      if (!this.#isAway && !this.#isClosed)
        logger?.error(
          `This server cannot reach ${log.subject}: ${errorMessage(error)}. Lookups continue with the flag stale, and changes fail until the connection works again; check the database and the network`,
        );
      this.#isAway = true;
    }
  }

  #onHint(): void {
    if (this.#isCatchingUp || this.#isAway || this.#isClosed) return;
    this.#isCatchingUp = true;
    this.#deps
      .committer()
      .catchUp()
      .catch(() => undefined)
      .finally(() => (this.#isCatchingUp = false));
  }

  /**
   * Applies all changes that other servers have written before this call.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE`, without a wait, while the database does not respond
   */
  async catchUp(): Promise<void> {
    if (this.#isAway)
      throw new ClerkError(
        'REGISTRY_UNREACHABLE',
        `This server cannot reach ${this.#deps.log.subject}; use another server, or retry later`,
        { remainingMs: awayPollMs },
      );
    await this.#deps.committer().catchUp();
  }

  /**
   * Restarts all leases of this server with their full length, as after a restart of the server, because no endpoint
   * could renew its lease during the gap.
   */
  #restartLeases(): void {
    const { state, leases, runtime } = this.#deps;
    const now = runtime.now();
    for (const { service } of state.entries.values())
      for (const registration of service?.endpoints.values() ?? []) {
        if (registration.draining || !this.endsHere(registration)) continue;
        registration.expiresAt = now + registration.leaseMs;
        leases.track(registration);
      }
  }

  #onPeersChanged(servers: ReadonlySet<string>): void {
    const expiry = this.#deps.expiry();
    for (const { service } of this.#deps.state.entries.values())
      for (const registration of service?.endpoints.values() ?? [])
        if (servers.has(registration.holder)) expiry.onRegistered(registration);
    expiry.onBatchApplied();
  }
}
