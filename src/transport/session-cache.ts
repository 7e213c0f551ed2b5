import type { KeyPin } from '../core/key-pin.js';

export interface CachedSession {
  readonly session: Buffer;
  readonly expiresAt: number;
}

const maxSessions = 1_000;

/**
 * TLS sessions by the keys of both peers. A resumed session proves no key again, so a session is used only between the
 * two keys that its full handshake proved. Stores only the sessions of one key of this program: the first dial with
 * another key removes all sessions.
 * @see [Decision 087](../../docs/decisions/087-sessions-by-key.md)
 */
export class SessionCache {
  #own: KeyPin | undefined;
  readonly #sessions = new Map<KeyPin, CachedSession>();

  /** Returns the session with a peer, unless it has expired. Called before each dial. */
  get(own: KeyPin | undefined, peer: KeyPin, now: number): CachedSession | undefined {
    if (own !== this.#own) {
      this.#sessions.clear();
      this.#own = own;
    }
    const cached = this.#sessions.get(peer);
    if (cached === undefined || cached.expiresAt > now) return cached;
    this.#sessions.delete(peer);
    return undefined;
  }

  /** Ignores a session that arrives after the key of this program was replaced. */
  set(own: KeyPin | undefined, peer: KeyPin, cached: CachedSession): void {
    if (own !== this.#own) return;
    this.#sessions.delete(peer);
    this.#sessions.set(peer, cached);
    if (this.#sessions.size <= maxSessions) return;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }

  delete(own: KeyPin | undefined, peer: KeyPin): void {
    if (own === this.#own) this.#sessions.delete(peer);
  }
}
