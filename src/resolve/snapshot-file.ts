import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock, Timer } from '../core/clock.js';
import { errorMessage } from '../core/errors.js';
import type { PrivateFiles } from '../core/files.js';
import type { Logger } from '../core/logger.js';
import { isName } from '../core/name.js';
import { parseJson } from '../core/parse-json.js';
import { SnapshotLines } from './snapshot-lines.js';
import { parseResolution } from './parse-resolution.js';

export interface SnapshotFileOptions {
  readonly path: string;
  readonly files: PrivateFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Maximum age of an entry, by the wall clock. An older entry is ignored. */
  readonly maxStaleMs: number;
  /**
   * Size limit of the file, in bytes. If the results exceed the limit, the oldest results are left out. Default 8 MiB.
   */
  readonly maxBytes?: number;
}

interface Entry {
  readonly name: string;
  readonly requestedWallAt: number;
}

const changeWriteDelayMs = 1_000;
/** Delay of the write if only the request time of a result has changed. */
const refreshWriteDelayMs = 60_000;
const maxNames = 10_000;
/** A file of this size is read within tens of milliseconds. */
const defaultMaxBytes = 8 * 1024 * 1024;
const header = '{"v":2}';
/** The beginning of a line. The name and the time are read from it, without parsing the rest of the line. */
const entryHead = /^\{"name":"([^"\\]{2,256})","requestedWallAt":([0-9]{1,16}),/;

/**
 * Stores the last lookup results in a file, so that a program can start while the registry is unreachable. Results
 * from the file count as expired. A damaged file, or a file that other users can write, is ignored with a warning.
 *
 * Each result is a line of JSON, which is parsed when its name is first needed. The first line states the version.
 * @see [C1.4](../../docs/guarantees.md#c1-4)
 */
export class SnapshotFile {
  readonly #options: SnapshotFileOptions;
  readonly #lines: SnapshotLines;
  readonly #unread = new Set<string>();
  #timer: Timer | undefined;
  #writeAt = Infinity;
  #isDirty = false;
  #writing: Promise<void> | undefined;
  #warned = false;

  constructor(options: SnapshotFileOptions) {
    this.#options = options;
    const maxBytes = (options.maxBytes ?? defaultMaxBytes) - header.length - 1;
    this.#lines = new SnapshotLines({ maxNames, maxBytes });
  }

  /** Must be called once, before the first `record` and `find`. Never throws. */
  load(): void {
    const { files, path } = this.#options;
    this.#read();
    const problem = files.writeProblem?.(path);
    if (problem !== undefined) this.#warnOfWrite(problem);
  }

  #read(): void {
    const { files, path, logger, maxBytes = defaultMaxBytes } = this.#options;
    try {
      const text = files.read(path, maxBytes);
      if (text === undefined) return;
      const [first, ...lines] = text.split('\n');
      if (first !== header)
        throw new Error(
          `the first line must be ${header}; delete the file if another version of binding-clerk wrote it`,
        );
      for (const line of lines) if (line !== '') this.#index(line);
    } catch (error) {
      this.#lines.clear();
      this.#unread.clear();
      logger.warn(`Snapshot file ${path} is ignored: ${errorMessage(error)}`);
    }
  }

  /** Returns the result of a name from the file, at most once. A damaged result is ignored with a warning. */
  find(name: string): ResolvedService | undefined {
    if (!this.#unread.delete(name)) return undefined;
    const { path, logger } = this.#options;
    try {
      return this.#parse(this.#lines.get(name) ?? '', name);
    } catch (error) {
      this.#lines.delete(name);
      logger.warn(
        `Snapshot file ${path} has a damaged result of ${name}, which is ignored: ${errorMessage(error)}`,
      );
      return undefined;
    }
  }

  /** Stores a result, to be written later. A result of kind `absent` removes the entry of its name. */
  record(resolved: ResolvedService): void {
    const { name } = resolved;
    this.#unread.delete(name);
    if (resolved.kind === 'bound')
      this.#scheduleWrite(this.#lines.set(resolved) ? changeWriteDelayMs : refreshWriteDelayMs);
    else if (this.#lines.delete(name)) this.#scheduleWrite(changeWriteDelayMs);
  }

  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#writing;
    if (this.#isDirty) await this.#write();
  }

  #scheduleWrite(delayMs: number): void {
    const { clock } = this.#options;
    this.#isDirty = true;
    const writeAt = clock.now() + delayMs;
    if (writeAt >= this.#writeAt) return;
    this.#writeAt = writeAt;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => {
      this.#writeAt = Infinity;
      void this.#write();
    }, delayMs);
    this.#timer.setRef(false);
  }

  /** Writes the file. While another write runs, schedules a write instead. */
  async #write(): Promise<void> {
    if (this.#writing) {
      this.#scheduleWrite(changeWriteDelayMs);
      return;
    }
    const { files, path } = this.#options;
    this.#isDirty = false;
    this.#writing = files.replace(path, `${header}\n${this.#lines.toText()}`).then(
      () => {
        this.#warned = false;
      },
      (error: unknown) => this.#warnOfWrite(errorMessage(error)),
    );
    await this.#writing;
    this.#writing = undefined;
  }

  #warnOfWrite(problem: string): void {
    const { path, logger } = this.#options;
    if (!this.#warned) logger.warn(`Snapshot file ${path} cannot be written: ${problem}`);
    this.#warned = true;
  }

  /** Adds the line of a result. Ignores a result whose time is too old or in the future. */
  #index(line: string): void {
    const [, name = '', time] = entryHead.exec(line) ?? [];
    if (!isName(name) || !line.endsWith('}'))
      throw new Error("each line must be an object that begins with a valid 'name' and 'requestedWallAt'");
    const { clock, maxStaleMs } = this.#options;
    const ageMs = clock.wallNow() - Number(time);
    if (!(ageMs >= 0 && ageMs < maxStaleMs)) return;
    this.#lines.load(name, line);
    this.#unread.add(name);
  }

  #parse(line: string, name: string): ResolvedService {
    const { clock } = this.#options;
    const { name: _name, requestedWallAt, ...rest } = parseJson(line) as Entry;
    const parsed = parseResolution({ ...rest, kind: 'bound', ttlMs: 0 }, name);
    return Object.freeze({
      ...parsed,
      kind: 'bound',
      name,
      requestedAt: clock.now() - (clock.wallNow() - requestedWallAt),
      requestedWallAt,
      stale: false,
    });
  }
}
