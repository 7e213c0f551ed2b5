import type { AuditFile, AuditFolder } from '../../core/audit-folder.js';
import type { Clock, Timer } from '../../core/clock.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import { isoTime } from '../../core/iso-time.js';
import type { Logger } from '../../core/logger.js';
import type { AuditKind } from '../../protocol/audit-messages.js';
import { fileNameOf, type LogEnd } from './audit-files.js';
import { encodeLine, type AuditFields } from './audit-line.js';

/** Written lines are synced after this time. */
export const syncDelayMs = 500;
/** After a failure, a write is tried again after this time. */
export const retryDelayMs = 1_000;
/** Lines that wait for the disk. Further lines are lost, and the log gets a gap. */
export const maxQueuedBytes = 4 * 1024 * 1024;

export interface AuditWriterOptions {
  readonly folder: AuditFolder;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly maxFileBytes: number;
  readonly maxFiles: number;
  readonly end: LogEnd;
  /** Sequence number of the first line. */
  readonly nextSequence: number;
}

interface QueuedLine {
  readonly seq: number;
  readonly text: string;
  /** What is missing if the line is lost: for a gap, the numbers that it covers, too. */
  readonly from: number;
}

/** Lines that are missing, or that a power failure may take. */
interface Missing {
  readonly seq: number;
  readonly at: string;
  /** Whether the bytes before the gap may be missing, so that the gap begins with a line break. */
  readonly isInFile?: boolean;
}

/** Resolves when the lines of one batch are written. */
interface Batch {
  readonly promise: Promise<void>;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Appends lines to the files of an audit log. The lines that arrive during a write form the next write. While the disk
 * fails, lines wait in memory, and a write is tried once a second.
 */
export class AuditWriter {
  readonly #options: AuditWriterOptions;
  readonly #files: string[];
  #file: AuditFile | undefined;
  #sizeBytes: number;
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
    this.#files = [...options.end.files];
    this.#sizeBytes = options.end.sizeBytes;
    this.#nextSequence = options.nextSequence;
  }

  get failure(): ClerkError | undefined {
    return this.#failure;
  }

  /** Oldest first. */
  get files(): readonly string[] {
    return this.#files;
  }

  /** Written bytes of the last file. */
  get sizeBytes(): number {
    return this.#sizeBytes;
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
   * Resolves when the line survives the end of this process. Rejects when the line cannot be written yet; it may be
   * written later.
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

  /** Resolves when the written lines survive a power failure. */
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
      this.#options.logger.error(`The end of the audit log was not saved: ${errorMessage(error)}`);
    }
    await this.#file?.close().catch(() => undefined);
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

  /** Precedes the first line after lost lines by a gap. */
  #recordLost(): void {
    if (this.#lost === undefined || this.#queuedBytes > maxQueuedBytes / 2) return;
    const { seq, at, isInFile = false } = this.#lost;
    this.#lost = undefined;
    this.#enqueue('gap', { missingFrom: seq, since: at }, isInFile ? '\n' : '');
  }

  /** Formatting a time takes a tenth of the time that a line takes. */
  #time(): string {
    const ms = this.#options.clock.wallNow();
    if (ms !== this.#lastTime.ms) this.#lastTime = { ms, text: isoTime(ms) };
    return this.#lastTime.text;
  }

  async #run(): Promise<void> {
    // Lines of changes that are completed together share a write.
    await Promise.resolve();
    // A write may include the lines of a batch that began during the write.
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

  /** Writes all lines that are queued now. A line that is not written stays in the queue. */
  async #write(): Promise<void> {
    const lastSequence = this.#queue.at(-1)?.seq ?? 0;
    while ((this.#queue[0]?.seq ?? Infinity) <= lastSequence) {
      const { count, data } = this.#nextPart();
      if (count === 0 || this.#file === undefined) {
        await this.#openNext();
        continue;
      }
      await this.#file.write(this.#sizeBytes, data);
      this.#sizeBytes += data.length;
      for (const { text, from } of this.#queue.splice(0, count)) {
        this.#queuedBytes -= text.length;
        this.#unsynced = earlier(this.#unsynced, { seq: from, at: this.#time() });
      }
      this.#startSyncTimer();
    }
    this.#written.resolve();
    this.#written = createBatch();
  }

  /** The lines that fit into the current file. Each file has at least one line. */
  #nextPart(): { readonly count: number; readonly data: Buffer } {
    const { maxFileBytes } = this.#options;
    let [text, bytes, count] = ['', this.#sizeBytes, 0];
    for (const line of this.#queue) {
      bytes += Buffer.byteLength(line.text);
      if (bytes > maxFileBytes && (this.#sizeBytes > 0 || count > 0)) break;
      text += line.text;
      count += 1;
    }
    return { count, data: Buffer.from(text) };
  }

  /** Opens the last file of an earlier server, or creates a file. */
  async #openNext(): Promise<void> {
    const { folder, maxFiles } = this.#options;
    const last = this.#files.at(-1);
    if (this.#file === undefined && last !== undefined && this.#nextPart().count > 0) {
      this.#file = await folder.open(last);
      if (this.#file !== undefined) return;
    }
    await this.#sync();
    await this.#file?.close();
    this.#file = undefined;
    const name = fileNameOf(this.#queue[0]?.seq ?? this.#nextSequence);
    this.#file = await folder.create(name);
    this.#sizeBytes = 0;
    this.#files.push(name);
    while (this.#files.length > maxFiles) await folder.remove(this.#files.shift() as string);
  }

  #startSyncTimer(): void {
    if (this.#syncTimer !== undefined || this.#isClosed) return;
    this.#syncTimer = this.#options.clock.setTimer(() => void this.#onSyncTimer(), syncDelayMs);
    this.#syncTimer.setRef(false);
  }

  async #onSyncTimer(): Promise<void> {
    this.#syncTimer = undefined;
    const file = this.#file;
    try {
      await this.#sync();
    } catch (error) {
      // A file that was closed in the meantime was synced before.
      if (!this.#isClosed && file === this.#file) this.#onFailure(error);
    }
  }

  /** After a failed sync, a later sync may succeed without the lost bytes, so the log gets a gap. */
  async #sync(): Promise<void> {
    const unsynced = this.#unsynced;
    this.#unsynced = undefined;
    try {
      await this.#file?.sync();
    } catch (error) {
      if (unsynced !== undefined) this.#lost = { ...earlier(this.#lost, unsynced), isInFile: true };
      throw error;
    }
  }

  #onFailure(error: unknown): void {
    if (this.#failure === undefined) {
      this.#failure = writeError(errorMessage(error), error);
      this.#options.logger.error(
        `The audit log cannot be written: ${errorMessage(error)}. Changes are refused until it can be written; free space on the disk, or repair the disk`,
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
        this.#options.logger.warn('The audit log can be written again. Changes are accepted again');
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
  // A line of a refusal has no caller that waits for it.
  promise.catch(() => undefined);
  return { promise, resolve, reject };
}

function writeError(reason: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The audit log cannot be written: ${reason}; the server refuses changes; free space on the disk of the server, or repair the disk; then try again`,
    { cause },
  );
}

function closedError(): ClerkError {
  return new ClerkError(
    'CLERK_CLOSED',
    'The server is closing and accepts no more changes; use another server or retry later',
  );
}

/** The one with the lower number, since a gap covers all numbers from there on. */
function earlier(a: Missing | undefined, b: Missing): Missing {
  return a !== undefined && a.seq <= b.seq ? a : b;
}
