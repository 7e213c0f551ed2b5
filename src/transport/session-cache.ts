import type { KeyPin } from '../core/key-pin.js';

/** A TLS session and the time until which it may be resumed. */
export interface CachedSession {
  readonly session: Buffer;
  /** In ms on the monotonic clock. */
  readonly expiresAt: number;
}

const maxSessions = 1_000;

/**
 * TLS sessions by the keys of both sides. A resumed session shows no certificate to the client, and shows the server the
 * certificate of the first handshake. A session is therefore proved only by where it came from, and is never used with
 * another key of either side.
 *
 * @see [Decision 087](../../docs/decisions/087-sessions-by-key.md)
 */
export class SessionCache {
  readonly #sessions = new Map<string, CachedSession>();

  /** Returns the session of two keys; undefined when there is none, or the session has expired. */
  get(own: KeyPin | undefined, peer: KeyPin, now: number): CachedSession | undefined {
    const key = keyOf(own, peer);
    const cached = this.#sessions.get(key);
    if (cached === undefined || cached.expiresAt > now) return cached;
    this.#sessions.delete(key);
    return undefined;
  }

  /** Replaces the session of two keys. Above 1,000 sessions, the oldest session is removed. */
  set(own: KeyPin | undefined, peer: KeyPin, cached: CachedSession): void {
    const key = keyOf(own, peer);
    this.#sessions.delete(key);
    this.#sessions.set(key, cached);
    if (this.#sessions.size <= maxSessions) return;
    const [oldest] = this.#sessions.keys();
    if (oldest !== undefined) this.#sessions.delete(oldest);
  }

  delete(own: KeyPin | undefined, peer: KeyPin): void {
    this.#sessions.delete(keyOf(own, peer));
  }

  /** Removes all sessions. Called when a key of this program is replaced or revoked. */
  clear(): void {
    this.#sessions.clear();
  }
}

function keyOf(own: KeyPin | undefined, peer: KeyPin): string {
  return `${own ?? ''} ${peer}`;
}
