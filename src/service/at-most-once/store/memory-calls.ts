/**
 * Calls remembered in the memory of this process: gone with it, which is why a call meant for an earlier life of the
 * process is refused. When it is full, new calls are refused; what is known is never dropped for them.
 */
import type {
  CallRecord,
  IdempotencyStore,
  CallResult,
  CallLookup,
  StoredResponse,
} from '../../../core/idempotency-store.js';
import { ClerkError } from '../../../core/errors.js';

/** How much is remembered. */
export interface MemoryCallsOptions {
  /**
   * Calls remembered at once: 1 to 10,000,000. Where there are more within `windowMs`, new ones are refused with 503
   * and have certainly not run. Default 100,000: a little more than one a second for a day; each takes about 300 bytes.
   */
  readonly maxCalls?: number;
  /**
   * Bytes of answers kept for all calls together, ≥ 0. The oldest answers make room for new ones, and a repeat of their
   * calls is told that they ran. Default 67,108,864 (64 MiB).
   */
  readonly maxBytes?: number;
}

/**
 * Remembers calls in memory.
 *
 * @throws a `ClerkError` `CONFIG_INVALID`
 */
export function memoryCalls(options: MemoryCallsOptions = {}): IdempotencyStore {
  const { maxCalls = 100_000, maxBytes = 64 * 1024 * 1024, ...unknown } = options;
  const [key] = Object.keys(unknown);
  if (key !== undefined)
    throw memoryCallsError(`has the unknown option '${key}'; known are maxCalls, maxBytes`);
  if (!Number.isInteger(maxCalls) || maxCalls < 1 || maxCalls > 10_000_000)
    throw memoryCallsError(`has the maxCalls ${String(maxCalls)}; it must be an integer from 1 to 10000000`);
  if (typeof maxBytes !== 'number' || !(maxBytes >= 0))
    throw memoryCallsError(`has the maxBytes ${String(maxBytes)}; it must be a number ≥ 0`);
  return new MemoryCalls(maxCalls, maxBytes);
}

interface StoredEntry {
  readonly call: CallRecord;
  lookup: CallLookup;
}

class MemoryCalls implements IdempotencyStore {
  readonly isDurable = false;
  readonly #maxCalls: number;
  readonly #maxBytes: number;
  readonly #entries = new Map<string, StoredEntry>();
  /** Sizes of kept answers by id, the oldest first. */
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  /** Nothing born before this is begun any more. */
  #expiredBefore = -Infinity;
  #isClosed = false;

  constructor(maxCalls: number, maxBytes: number) {
    this.#maxCalls = maxCalls;
    this.#maxBytes = maxBytes;
  }

  async begin(call: CallRecord): Promise<CallLookup> {
    this.#checkOpen();
    const { id, createdAt, fingerprint, owner } = call;
    if (createdAt < this.#expiredBefore) return { state: 'expired' };
    const entry = this.#entries.get(id);
    if (entry !== undefined) return { ...entry.lookup };
    if (this.#entries.size >= this.#maxCalls)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `${String(this.#maxCalls)} calls are remembered, and none is old enough to forget; raise maxCalls, or shorten windowMs`,
      );
    this.#entries.set(id, { call, lookup: { state: 'running', fingerprint, owner } });
    return { state: 'new' };
  }

  async end(id: string, how: CallResult): Promise<void> {
    this.#checkOpen();
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.lookup.state === 'done') return;
    const { fingerprint } = entry.call;
    entry.lookup =
      how.state === 'interrupted'
        ? { state: 'interrupted', fingerprint }
        : { state: 'done', fingerprint, response: this.#store(id, how.response) };
  }

  async withdraw(id: string): Promise<void> {
    this.#checkOpen();
    this.#entries.delete(id);
  }

  async expire(bornBefore: number): Promise<void> {
    this.#checkOpen();
    for (const [id, { call }] of this.#entries) {
      if (call.createdAt >= bornBefore) continue;
      this.#expiredBefore = Math.max(this.#expiredBefore, call.createdAt + 1);
      this.#entries.delete(id);
      this.#dropResponse(id);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#entries.clear();
    this.#sizes.clear();
  }

  /** The answer as it is kept, if there is room for it at all. */
  #store(id: string, answer: StoredResponse | undefined): StoredResponse | undefined {
    if (answer === undefined) return undefined;
    const size = responseBytes(answer);
    if (size > this.#maxBytes) return undefined;
    for (const oldest of this.#sizes.keys()) {
      if (this.#bytes + size <= this.#maxBytes) break;
      this.#dropResponse(oldest);
      const entry = this.#entries.get(oldest);
      if (entry !== undefined)
        entry.lookup = { state: 'done', fingerprint: entry.call.fingerprint, response: undefined };
    }
    this.#sizes.set(id, size);
    this.#bytes += size;
    return answer;
  }

  #dropResponse(id: string): void {
    this.#bytes -= this.#sizes.get(id) ?? 0;
    this.#sizes.delete(id);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClerkError('CLERK_CLOSED', 'The memory of calls is closed');
  }
}

function responseBytes({ headers, body }: StoredResponse): number {
  return headers.reduce((size, [name, value]) => size + name.length + value.length, body.byteLength);
}

function memoryCallsError(what: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `memoryCalls() ${what}`);
}
