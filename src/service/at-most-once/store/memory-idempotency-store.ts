import type {
  CallRecord,
  IdempotencyStore,
  CallResult,
  CallLookup,
  StoredResponse,
} from '../../../core/idempotency-store.js';
import { ClerkError } from '../../../core/errors.js';
import { ResponseSizes } from './response-sizes.js';

/** Options of {@link memoryCalls}. */
export interface MemoryCallsOptions {
  /**
   * Maximum number of stored calls: 1 to 10,000,000. Each call takes about 300 bytes. When the store is full, calls
   * older than 1 min are removed, oldest first. If that makes no room, new calls are rejected with 503 before they run.
   * One caller takes at most three quarters of the store. Default 100,000, a little more than one call per second for
   * 24 h.
   */
  readonly maxCalls?: number;
  /**
   * Maximum total size of all stored responses, in bytes, ≥ 0. Above this size, the oldest responses of the caller
   * with the most bytes are removed. A retry of a call without a stored response gets 409. Default 67,108,864 (64 MiB).
   */
  readonly maxBytes?: number;
}

/**
 * Stores idempotency records in memory. Requests for an earlier process of the instance are rejected, because the
 * records of that process are lost. A record stays until the call has expired, or until the store is full.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 */
export function memoryCalls(options: MemoryCallsOptions = {}): IdempotencyStore {
  const { maxCalls = 100_000, maxBytes = 64 * 1024 * 1024, ...unknown } = options;
  const [key] = Object.keys(unknown);
  if (key !== undefined)
    throw memoryCallsError(`got the unknown option '${key}'; known options are maxCalls, maxBytes`);
  if (!Number.isInteger(maxCalls) || maxCalls < 1 || maxCalls > 10_000_000)
    throw memoryCallsError(`needs an integer maxCalls from 1 to 10000000; got ${maxCalls}`);
  if (typeof maxBytes !== 'number' || !(maxBytes >= 0))
    throw memoryCallsError(`needs a number maxBytes ≥ 0; got ${maxBytes}`);
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
  readonly #responses = new ResponseSizes();
  /** Calls created before this time (in ms since 1970) are rejected. */
  #expiredBefore = -Infinity;
  #isClosed = false;

  constructor(maxCalls: number, maxBytes: number) {
    this.#maxCalls = maxCalls;
    this.#maxBytes = maxBytes;
  }

  usage(): { readonly calls: number; readonly maxCalls: number } {
    return { calls: this.#entries.size, maxCalls: this.#maxCalls };
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
        `The store of memoryCalls() has reached its maximum of ${this.#maxCalls} calls; raise maxCalls, or shorten windowMs`,
      );
    this.#entries.set(id, { call, lookup: { state: 'running', fingerprint, owner } });
    return { state: 'new' };
  }

  async find(id: string): Promise<CallLookup | undefined> {
    this.#checkOpen();
    const entry = this.#entries.get(id);
    return entry && { ...entry.lookup };
  }

  async end(id: string, result: CallResult): Promise<void> {
    this.#checkOpen();
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.lookup.state === 'done') return;
    const { fingerprint } = entry.call;
    entry.lookup =
      result.state === 'interrupted'
        ? { state: 'interrupted', fingerprint }
        : { state: 'done', fingerprint, response: this.#store(entry.call, result.response) };
  }

  async withdraw(id: string): Promise<void> {
    this.#checkOpen();
    this.#entries.delete(id);
  }

  async expire(createdBefore: number): Promise<void> {
    this.#checkOpen();
    for (const [id, { call }] of this.#entries) {
      if (call.createdAt >= createdBefore) continue;
      this.#expiredBefore = Math.max(this.#expiredBefore, call.createdAt + 1);
      this.#entries.delete(id);
      this.#responses.delete(id, call.caller);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#entries.clear();
    this.#responses.clear();
  }

  /**
   * Stores a response, and drops older responses above `maxBytes`. Returns undefined if the response alone exceeds
   * `maxBytes`.
   */
  #store({ id, caller }: CallRecord, response: StoredResponse | undefined): StoredResponse | undefined {
    if (response === undefined) return undefined;
    const size = responseBytes(response);
    if (size > this.#maxBytes) return undefined;
    this.#responses.add(id, caller, size);
    while (this.#responses.bytes > this.#maxBytes) {
      const dropped = this.#responses.dropOldest();
      if (dropped === id) return undefined;
      const entry = this.#entries.get(dropped);
      if (entry !== undefined)
        entry.lookup = { state: 'done', fingerprint: entry.call.fingerprint, response: undefined };
    }
    return response;
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClerkError('CLERK_CLOSED', 'The memoryCalls() store is closed');
  }
}

function responseBytes({ headers, body }: StoredResponse): number {
  return headers.reduce((size, [name, value]) => size + name.length + value.length, body.byteLength);
}

function memoryCallsError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `memoryCalls() ${message}`);
}
