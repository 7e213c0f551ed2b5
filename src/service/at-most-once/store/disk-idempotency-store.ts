import type {
  CallRecord,
  IdempotencyStore,
  CallResult,
  CallLookup,
  StoreUsage,
} from '../../../core/idempotency-store.js';
import { ClerkError, isClerkError } from '../../../core/errors.js';
import { JournalDamage } from '../../../core/journal/journal-reader.js';
import { createdAtOf, type EntryOfCall } from './call-entries.js';
import { checkDiskCallsOptions, type DiskCallsOptions } from './disk-calls-options.js';
import { CallJournal, type CallJournalOptions } from './call-journal.js';

/**
 * Stores calls in a folder. The record of a call is on disk before the call runs. The response is on disk soon after
 * it was sent. A call that had not ended when its process ended counts as interrupted.
 */
export class DiskIdempotencyStore implements IdempotencyStore {
  readonly isDurable = true;
  readonly #path: string;
  readonly #options: CallJournalOptions;
  readonly #limits: Required<DiskCallsOptions>;
  /** Undefined until the folder is open. */
  #journal: CallJournal | undefined;
  #opening: Promise<CallJournal> | undefined;
  readonly #fingerprints = new Map<string, string>();
  /** Calls created before this time (in ms since 1970) are rejected. The time on disk may still be earlier. */
  #rejectedBefore = 0;
  #expiring: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(
    path: string,
    options: CallJournalOptions,
    limits: Required<DiskCallsOptions> = checkDiskCallsOptions({}),
  ) {
    this.#path = path;
    this.#options = options;
    this.#limits = limits;
  }

  async open(): Promise<void> {
    await this.#open();
  }

  async begin({ id, createdAt, fingerprint, owner }: CallRecord): Promise<CallLookup> {
    const calls = await this.#open();
    for (;;) {
      if (this.#hasExpired(createdAt, calls)) return { state: 'expired' };
      const found = await calls.read(id);
      if (found !== undefined) return toLookup(found);
      if (createdAt < calls.index.lostBefore) return { state: 'expired' };
      this.#checkRoom(calls);
      const { before, isStored } = await calls.submit({
        id,
        // Since the read above, another request may have begun the call, or the call may have expired.
        plan: (state) =>
          state === undefined && !this.#hasExpired(createdAt, calls)
            ? { kind: 'begin', id, fingerprint, owner }
            : undefined,
      });
      if (before === undefined && isStored) {
        this.#fingerprints.set(id, fingerprint);
        return { state: 'new' };
      }
    }
  }

  usage(): StoreUsage {
    const calls = this.#journal?.index.size ?? 0;
    const { maxCalls, maxBytes } = this.#limits;
    return { calls, maxCalls, bytes: this.#journal?.sizeBytes ?? 0, maxBytes };
  }

  async find(id: string): Promise<CallLookup | undefined> {
    const calls = await this.#open();
    const found = await calls.read(id);
    return found && toLookup(found);
  }

  async end(id: string, result: CallResult): Promise<void> {
    const calls = await this.#open();
    const fingerprint = this.#fingerprints.get(id) ?? (await fingerprintOf(calls, id));
    if (fingerprint === undefined) return;
    await calls.submit({
      id,
      plan: (state) => {
        if (state !== 'open') return undefined;
        return result.state === 'done'
          ? { kind: 'done', id, fingerprint, response: result.response }
          : { kind: 'interrupted', id, fingerprint };
      },
    });
    this.#fingerprints.delete(id);
  }

  async withdraw(id: string): Promise<void> {
    const calls = await this.#open();
    await calls.submit({ id, plan: (state) => (state === undefined ? undefined : { kind: 'withdraw', id }) });
    this.#fingerprints.delete(id);
  }

  expire(createdBefore: number): Promise<void> {
    const expired = this.#expiring.then(() => this.#expire(createdBefore));
    this.#expiring = expired.catch(() => undefined);
    return expired;
  }

  async close(): Promise<void> {
    if (this.#isClosed) return;
    this.#isClosed = true;
    const calls = await this.#opening?.catch(() => undefined);
    await this.#expiring;
    await calls?.close();
  }

  #open(): Promise<CallJournal> {
    if (this.#isClosed)
      return Promise.reject(new ClerkError('CLERK_CLOSED', 'The folder of diskCalls() is closed'));
    this.#opening ??= CallJournal.open(this.#path, this.#options).then(
      (journal) => (this.#journal = journal),
      (error: unknown) => {
        // If another process uses the folder, or the disk is full, the next operation opens the folder again. A damaged
        // folder is not opened again.
        if (!isClerkError(error) || !(error.cause instanceof JournalDamage)) this.#opening = undefined;
        throw error;
      },
    );
    return this.#opening;
  }

  #checkRoom({ index, sizeBytes }: CallJournal): void {
    const { maxCalls, maxBytes } = this.#limits;
    if (index.size < maxCalls && sizeBytes < maxBytes) return;
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `The folder of diskCalls() has ${index.size} of at most ${maxCalls} calls and ${sizeBytes} of at most ${maxBytes} bytes, so it has no room for a new call; raise maxCalls or maxBytes, or shorten windowMs`,
    );
  }

  #hasExpired(createdAt: number, { index }: CallJournal): boolean {
    return createdAt < Math.max(this.#rejectedBefore, index.expiredBefore);
  }

  async #expire(createdBefore: number): Promise<void> {
    const calls = await this.#open();
    const before = calls.index.expiryFor(createdBefore);
    if (before === undefined) return;
    // The keys are rejected before their records are removed. Otherwise a retry could run a call again.
    this.#rejectedBefore = Math.max(this.#rejectedBefore, before);
    await calls.submit({ id: undefined, plan: () => ({ kind: 'expire', before }) });
    for (const id of this.#fingerprints.keys())
      if (createdAtOf(id) < this.#rejectedBefore) this.#fingerprints.delete(id);
  }
}

async function fingerprintOf(calls: CallJournal, id: string): Promise<string | undefined> {
  const entry = await calls.read(id);
  return entry === undefined || entry.kind === 'withdraw' ? undefined : entry.fingerprint;
}

function toLookup(entry: EntryOfCall): CallLookup {
  switch (entry.kind) {
    case 'begin':
      return { state: 'running', fingerprint: entry.fingerprint, owner: entry.owner };
    case 'interrupted':
      return { state: 'interrupted', fingerprint: entry.fingerprint };
    case 'done':
      return { state: 'done', fingerprint: entry.fingerprint, response: entry.response };
    case 'withdraw':
      return { state: 'expired' };
  }
}
