/**
 * Calls remembered in the memory of this process: gone with it, which is why a call meant for an earlier life of the
 * process is refused. When it is full, new calls are refused; what is known is never dropped for them.
 */
import type { BegunCall, CallStore, EndedCall, FoundCall, KeptAnswer } from '../../core/call-store.js';
import { ClerkError } from '../../core/errors.js';

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
export function memoryCalls(options: MemoryCallsOptions = {}): CallStore {
  const { maxCalls = 100_000, maxBytes = 64 * 1024 * 1024, ...unknown } = options;
  const [key] = Object.keys(unknown);
  if (key !== undefined) throw refused(`has the unknown option '${key}'; known are maxCalls, maxBytes`);
  if (!Number.isInteger(maxCalls) || maxCalls < 1 || maxCalls > 10_000_000)
    throw refused(`has the maxCalls ${String(maxCalls)}; it must be an integer from 1 to 10000000`);
  if (typeof maxBytes !== 'number' || !(maxBytes >= 0))
    throw refused(`has the maxBytes ${String(maxBytes)}; it must be a number ≥ 0`);
  return new MemoryCalls(maxCalls, maxBytes);
}

interface Known {
  readonly call: BegunCall;
  found: FoundCall;
}

class MemoryCalls implements CallStore {
  readonly outlives = false;
  readonly #maxCalls: number;
  readonly #maxBytes: number;
  readonly #known = new Map<string, Known>();
  /** Sizes of kept answers by id, the oldest first. */
  readonly #sizes = new Map<string, number>();
  #bytes = 0;
  /** Nothing born before this is begun any more. */
  #forgottenTo = -Infinity;
  #isClosed = false;

  constructor(maxCalls: number, maxBytes: number) {
    this.#maxCalls = maxCalls;
    this.#maxBytes = maxBytes;
  }

  async begin(call: BegunCall): Promise<FoundCall> {
    this.#checkOpen();
    const { id, bornAt, fingerprint, owner } = call;
    if (bornAt < this.#forgottenTo) return { state: 'forgotten' };
    const known = this.#known.get(id);
    if (known !== undefined) return { ...known.found };
    if (this.#known.size >= this.#maxCalls)
      throw new ClerkError(
        'LIMIT',
        `${String(this.#maxCalls)} calls are remembered, and none is old enough to forget; raise maxCalls, or shorten windowMs`,
      );
    this.#known.set(id, { call, found: { state: 'running', fingerprint, owner } });
    return { state: 'new' };
  }

  async end(id: string, how: EndedCall): Promise<void> {
    this.#checkOpen();
    const known = this.#known.get(id);
    if (known === undefined || known.found.state === 'done') return;
    const { fingerprint } = known.call;
    known.found =
      how.state === 'lost'
        ? { state: 'lost', fingerprint }
        : { state: 'done', fingerprint, answer: this.#keep(id, how.answer) };
  }

  async withdraw(id: string): Promise<void> {
    this.#checkOpen();
    this.#known.delete(id);
  }

  async forget(bornBefore: number): Promise<void> {
    this.#checkOpen();
    for (const [id, { call }] of this.#known) {
      if (call.bornAt >= bornBefore) continue;
      this.#forgottenTo = Math.max(this.#forgottenTo, call.bornAt + 1);
      this.#known.delete(id);
      this.#drop(id);
    }
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#known.clear();
    this.#sizes.clear();
  }

  /** The answer as it is kept, if there is room for it at all. */
  #keep(id: string, answer: KeptAnswer | undefined): KeptAnswer | undefined {
    if (answer === undefined) return undefined;
    const size = sizeOf(answer);
    if (size > this.#maxBytes) return undefined;
    for (const oldest of this.#sizes.keys()) {
      if (this.#bytes + size <= this.#maxBytes) break;
      this.#drop(oldest);
      const known = this.#known.get(oldest);
      if (known !== undefined)
        known.found = { state: 'done', fingerprint: known.call.fingerprint, answer: undefined };
    }
    this.#sizes.set(id, size);
    this.#bytes += size;
    return answer;
  }

  #drop(id: string): void {
    this.#bytes -= this.#sizes.get(id) ?? 0;
    this.#sizes.delete(id);
  }

  #checkOpen(): void {
    if (this.#isClosed) throw new ClerkError('CLOSED', 'The memory of calls is closed');
  }
}

function sizeOf({ headers, body }: KeptAnswer): number {
  return headers.reduce((size, [name, value]) => size + name.length + value.length, body.byteLength);
}

function refused(what: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `memoryCalls() ${what}`);
}
