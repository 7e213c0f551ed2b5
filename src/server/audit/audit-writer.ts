import type { Clock, Timer } from '../../core/clock.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { isoTime } from '../../core/iso-time.js';
import type { Logger } from '../../core/logger.js';
import type { AuditKind } from '../../protocol/audit-messages.js';
import { encodeLine, type AuditFields } from './audit-line.js';
import { RotatedFiles, type RotatedFilesOptions } from './rotated-files.js';

/** Time from a write to the sync of its lines, in ms. */
export const syncDelayMs = 500;
/** Time from a failed write to the next attempt, in ms. */
export const retryDelayMs = 1_000;
/**
 * Maximum size of the lines that wait for the disk, in bytes. Further lines are lost, and the log gets a line of kind
 * `gap`.
 */
export const maxQueuedBytes = 4 * 1024 * 1024;

export interface AuditWriterOptions extends RotatedFilesOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  /** Sequence number of the first line. */
  readonly nextSequence: number;
}

interface QueuedLine {
  readonly seq: number;
  readonly text: string;
  /** First number that is missing if this line is lost. A line of kind `gap` also covers earlier numbers. */
  readonly from: number;
}

/** Lost lines, or written lines that a power failure may lose. `seq` is the number of the first of these lines. */
interface Missing {
  readonly seq: number;
  readonly at: string;
  /** Whether the file may end with an incomplete line, so that the gap must begin with a line break. */
  readonly isInFile?: boolean;
}

/** A batch of lines; its promise resolves when they are written. */
interface Batch {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends lines to the files of an audit log. Lines that arrive during a write are written together afterwards. While
 * writes fail, lines wait in memory, and a write is tried once a second.
 */
export class AuditWriter {
  readonly #options: AuditWriterOptions;
  readonly #files: RotatedFiles;
  #nextSequence: number;
  #queue: QueuedLine[] = [];
  #queuedBytes = 0;
  #batch: Batch | undefined;
  #running: Promise<void> | undefined;
  #failure: ClerkError | undefined;
  #lost: Missing | undefined;
  #unsynced: Missing | undefined;
  #syncTimer: Timer | undefined;
  #retryTimer: Timer | undefined;
  #isClosed = false;
  #lastTime = { ms: NaN, text: '' };
  #written = createBatch();

  constructor(options: AuditWriterOptions) {
    this.#options = options;
    this.#files = new RotatedFiles(options);
    this.#nextSequence = options.nextSequence;
  }

  get failure(): ClerkError | undefined {
    return this.#failure;
  }

  /** Names of the files, oldest first. */
  get files(): readonly string[] {
    return this.#files.names;
  }

  /** Written bytes of the last file. */
  get sizeBytes(): number {
    return this.#files.sizeBytes;
  }

  /** Number of the next line. */
  get nextSequence(): number {
    return this.#nextSequence;
  }

  /** Resolves after the next write. */
  get written(): Promise<void> {
    return this.#written.promise;
  }

  /**
   * Resolves when the line is written and survives a crash of this process. Rejects when the line could not be written;
   * the server may still write the line later.
   */
  append(kind: AuditKind, fields: AuditFields): Promise<void> {
    if (this.#isClosed) return Promise.reject(closedError());
    this.#recordLost();
    const isQueued = this.#enqueue(kind, fields);
    if (this.#failure !== undefined || !isQueued)
      return Promise.reject(this.#failure ?? writeError('the disk is too slow'));
    this.#batch ??= createBatch();
    const { promise } = this.#batch;
    this.#running ??= this.#run();
    return promise;
  }

  /** Syncs the written lines. Resolves when they survive a power failure. */
  async sync(): Promise<void> {
    await this.#running;
    await this.#sync();
  }

  /** Writes the queued lines, syncs them and closes the file. Lines that cannot be written are lost. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#retryTimer?.cancel();
    this.#syncTimer?.cancel();
    await this.#running;
    try {
      if (this.#queue.length > 0) await this.#write();
      await this.#sync();
    } catch (error) {
      this.#options.logger.error(
        `The last lines of the audit log were not saved: ${errorMessage(error)}; check the disk of the server`,
      );
    }
    await this.#files.close().catch(() => undefined);
    this.#written.resolve();
  }

  #enqueue(kind: AuditKind, fields: AuditFields, prefix = ''): boolean {
    const seq = this.#nextSequence++;
    const at = this.#time();
    const text = prefix + encodeLine(seq, at, kind, fields);
    if (this.#queuedBytes + text.length > maxQueuedBytes) {
      this.#lost ??= { seq, at };
      return false;
    }
    this.#queue.push({ seq, text, from: fields.missingFrom ?? seq });
    this.#queuedBytes += text.length;
    return true;
  }

  /** After lines were lost, adds a line of kind `gap` before the next line. */
  #recordLost(): void {
    if (this.#lost === undefined || this.#queuedBytes > maxQueuedBytes / 2) return;
    const { seq, at, isInFile = false } = this.#lost;
    this.#lost = undefined;
    this.#enqueue('gap', { missingFrom: seq, since: at }, isInFile ? '\n' : '');
  }

  /** Returns the present time as text. Caches it, because formatting takes a tenth of the time of a line. */
  #time(): string {
    const ms = this.#options.clock.wallNow();
    if (ms !== this.#lastTime.ms) this.#lastTime = { ms, text: isoTime(ms) };
    return this.#lastTime.text;
  }

  async #run(): Promise<void> {
    // Waits one microtask, so that lines of changes that end together share a write.
    await Promise.resolve();
    // Lines that arrive during a write may be part of this write. Their batch resolves in the next iteration.
    while (this.#queue.length > 0 || this.#batch !== undefined) {
      const batch = this.#takeBatch();
      try {
        await this.#write();
      } catch (error) {
        this.#onFailure(error);
        batch?.reject(this.#failure);
        this.#takeBatch()?.reject(this.#failure);
        break;
      }
      batch?.resolve();
      this.#recordLost();
    }
    this.#running = undefined;
  }

  #takeBatch(): Batch | undefined {
    const batch = this.#batch;
    this.#batch = undefined;
    return batch;
  }

  /** Writes all lines that are queued at the call. If a write fails, its lines stay in the queue. */
  async #write(): Promise<void> {
    const lastSequence = this.#queue.at(-1)?.seq ?? 0;
    while ((this.#queue[0]?.seq ?? Infinity) <= lastSequence) {
      const count = this.#files.countFitting(this.#queue);
      if (count === 0 || this.#files.current === undefined) {
        await this.#openNext(count > 0);
        continue;
      }
      const lines = this.#queue.slice(0, count).map(({ text }) => text);
      await this.#files.write(Buffer.from(lines.join('')));
      for (const { text, from } of this.#queue.splice(0, count)) {
        this.#queuedBytes -= text.length;
        this.#unsynced = earlier(this.#unsynced, { seq: from, at: this.#time() });
      }
      this.#startSyncTimer();
    }
    this.#written.resolve();
    this.#written = createBatch();
  }

  /** @param lastHasRoom - whether the next line fits into the last file */
  async #openNext(lastHasRoom: boolean): Promise<void> {
    if (this.#files.current === undefined && lastHasRoom && (await this.#files.reopen())) return;
    await this.#sync();
    await this.#files.rotate(this.#queue[0]?.seq ?? this.#nextSequence);
  }

  #startSyncTimer(): void {
    if (this.#syncTimer !== undefined || this.#isClosed) return;
    this.#syncTimer = this.#options.clock.setTimer(() => void this.#onSyncTimer(), syncDelayMs);
    this.#syncTimer.setRef(false);
  }

  async #onSyncTimer(): Promise<void> {
    this.#syncTimer = undefined;
    const file = this.#files.current;
    try {
      await this.#sync();
    } catch (error) {
      // If the file was closed during the sync, the error is ignored, because the file was synced before its close.
      if (!this.#isClosed && file === this.#files.current) this.#onFailure(error);
    }
  }

  /**
   * Syncs the current file. After a failed sync, the log gets a gap, because a later sync can succeed although the
   * bytes are lost.
   */
  async #sync(): Promise<void> {
    const unsynced = this.#unsynced;
    this.#unsynced = undefined;
    try {
      await this.#files.sync();
    } catch (error) {
      if (unsynced !== undefined) this.#lost = { ...earlier(this.#lost, unsynced), isInFile: true };
      throw error;
    }
  }

  #onFailure(error: unknown): void {
    if (this.#failure === undefined) {
      this.#failure = writeError(errorMessage(error), error);
      this.#options.logger.error(
        `The audit log cannot be written: ${errorMessage(error)}. The server rejects changes until the log can be written; free space on the disk, or repair the disk`,
      );
    }
    if (this.#retryTimer !== undefined || this.#isClosed) return;
    this.#retryTimer = this.#options.clock.setTimer(() => void this.#retry(), retryDelayMs);
    this.#retryTimer.setRef(false);
  }

  async #retry(): Promise<void> {
    this.#retryTimer = undefined;
    await this.#running;
    if (this.#isClosed) return;
    this.#recordLost();
    const retrying = async (): Promise<void> => {
      try {
        await this.#write();
        await this.#sync();
        this.#failure = undefined;
        this.#options.logger.warn('The audit log can be written again. The server accepts changes again');
      } catch (error) {
        this.#onFailure(error);
      }
      this.#running = undefined;
      if (this.#failure === undefined && this.#queue.length > 0) this.#running = this.#run();
    };
    await (this.#running = retrying());
  }
}

function createBatch(): Batch {
  let resolve!: () => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<void>((...settle) => ([resolve, reject] = settle));
  // Prevents an unhandled rejection, because the lines of rejected requests have no caller that waits.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

function writeError(reason: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The server rejects changes, because its audit log cannot be written: ${reason}; check the free space and the state of the disk of the server, then try again`,
    { cause },
  );
}

function closedError(): ClerkError {
  return new ClerkError(
    'CLERK_CLOSED',
    'The server is closing and accepts no more changes; use another server or retry later',
  );
}

/** Returns the gap with the lower first number, because a gap covers all later numbers. */
function earlier(a: Missing | undefined, b: Missing): Missing {
  return a !== undefined && a.seq <= b.seq ? a : b;
}
