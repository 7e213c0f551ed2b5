import type { Timer } from '../../../core/clock.js';
import type { SharedLog } from '../../shared-log.js';
import type { ReplicaRuntime } from './log-replica.js';

const pollMs = 1_000;
/** Time after which a server without a session is removed from the log, in ms. */
const forgetMs = 600_000;

interface Peer {
  session: string;
  /** When this server first saw the session, on the monotonic clock. */
  knownAt: number;
  goneSince: number | undefined;
}

export interface PeersOptions {
  readonly log: SharedLog;
  readonly runtime: ReplicaRuntime;
  readonly own: string;
  /** Called with servers that are gone, or that are back. */
  readonly onChanged: (servers: ReadonlySet<string>) => void;
  /** Removes a server from the log. */
  readonly forget: (server: string) => void;
}

/**
 * The other servers of the registry. Reads their ids from the shared log, and polls whether their sessions are alive.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #peers = new Map<string, Peer>();
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(options: PeersOptions) {
    this.#options = options;
  }

  get size(): number {
    return this.#peers.size;
  }

  /** Whether a server has no live session. A server that the log does not list counts as gone. */
  isGone(server: string): boolean {
    if (server === this.#options.own) return false;
    const peer = this.#peers.get(server);
    return peer === undefined || peer.goneSince !== undefined;
  }

  /**
   * Called when the log lists a new session of a server; `session` is undefined when the log no longer lists the
   * server.
   */
  onServer(server: string, session: string | undefined): void {
    const { own, runtime, onChanged } = this.#options;
    if (server === own) return;
    const wasGone = this.isGone(server);
    if (session === undefined) this.#peers.delete(server);
    else this.#peers.set(server, { session, knownAt: runtime.now(), goneSince: undefined });
    if (wasGone !== this.isGone(server)) onChanged(new Set([server]));
  }

  async start(): Promise<void> {
    await this.#poll();
    this.#schedule();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#timer = this.#options.runtime.setTimer(() => {
      // A failed poll changes nothing: a server must not count as gone only because the database does not respond.
      this.#poll()
        .catch(() => undefined)
        .finally(() => this.#schedule());
    }, pollMs);
    this.#timer.setRef(false);
  }

  async #poll(): Promise<void> {
    if (this.#peers.size === 0) return;
    const { log, runtime, onChanged, forget } = this.#options;
    const askedAt = runtime.now();
    const sessions = await log.sessions();
    const changed = new Set<string>();
    for (const [server, peer] of this.#peers) {
      if (sessions.has(peer.session)) {
        if (peer.goneSince !== undefined) changed.add(server);
        peer.goneSince = undefined;
      } else if (peer.goneSince === undefined && peer.knownAt < askedAt) {
        peer.goneSince = runtime.now();
        changed.add(server);
      } else if (peer.goneSince !== undefined && runtime.now() - peer.goneSince >= forgetMs) forget(server);
    }
    if (changed.size > 0 && !this.#isClosed) onChanged(changed);
  }
}
