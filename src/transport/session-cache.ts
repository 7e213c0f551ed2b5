import type { KeyPin } from '../core/key-pin.js';

export interface CachedSession {
  readonly session: Buffer;
  readonly expiresAt: number;
}

const maxSessions = 1_000;

/**
 * TLS sessions by the keys of both sides. A resumed session shows no present certificate, so a session is used only
 * between the two keys that its full handshake proved.
 * @see [Decision 087](../../docs/decisions/087-sessions-by-key.md)
 */
export class SessionCache {
  readonly #sessions = new Map<string, CachedSession>();

  get(own: KeyPin | undefined, peer: KeyPin, now: number): CachedSession | undefined {
    const key = keyOf(own, peer);
    const cached = this.#sessions.get(key);
    if (cached === undefined || cached.expiresAt > now) return cached;
    this.#sessions.delete(key);
    return undefined;
  }

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

  clear(): void {
    this.#sessions.clear();
  }
}

function keyOf(own: KeyPin | undefined, peer: KeyPin): string {
  return `${own ?? ''} ${peer}`;
}
