import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock, Timer } from '../core/clock.js';
import { errorMessage } from '../core/errors.js';
import type { PrivateFiles } from '../core/files.js';
import type { Logger } from '../core/logger.js';
import { isName } from '../core/name.js';
import { toEndpointInit } from '../core/to-endpoint-init.js';
import { parseResolution } from './parse-resolution.js';

export interface SnapshotFileOptions {
  readonly path: string;
  readonly files: PrivateFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  /** An entry that is older by the wall clock is ignored. */
  readonly maxStaleMs: number;
}

const changeWriteDelayMs = 1_000;
/** Delay of the write if only the request time of a result has changed. */
const refreshWriteDelayMs = 60_000;
const maxNames = 10_000;
const maxBytes = 64 * 1024 * 1024;
const formatVersion = 1;

const storedKeys = [
  'name',
  'canonical',
  'policy',
  'timeoutMs',
  'attemptTimeoutMs',
  'retries',
  'revision',
  'incarnation',
  'position',
  'requestedWallAt',
] as const;

interface SnapshotEntry extends Pick<ResolvedService, (typeof storedKeys)[number]> {
  readonly endpoints: readonly object[];
}

/**
 * Stores the last lookup results in a file, so that a program can start while the registry is unreachable. Results
 * from the file count as expired. A damaged file, or a file that other users can write, is ignored with a warning.
 * @see [C1.4](../../docs/guarantees.md#c1-4)
 */
export class SnapshotFile {
  readonly #options: SnapshotFileOptions;
  readonly #services = new Map<string, ResolvedService>();
  #timer: Timer | undefined;
  #writeAt = Infinity;
  #isDirty = false;
  #writing: Promise<void> | undefined;
  #warned = false;

  constructor(options: SnapshotFileOptions) {
    this.#options = options;
  }

  /** Must be called once, before the first `record`. Never throws. */
  load(): readonly ResolvedService[] {
    const { files, path, logger } = this.#options;
    try {
      const text = files.read(path, maxBytes);
      if (text === undefined) return [];
      const raw = JSON.parse(text) as { readonly v?: unknown; readonly names?: unknown } | null;
      if (raw?.v !== formatVersion || !Array.isArray(raw.names))
        throw new Error(
          `the file must have "v": ${String(formatVersion)} and a list "names"; delete the file if another version of the program wrote it`,
        );
      for (const entry of raw.names.slice(0, maxNames) as readonly SnapshotEntry[]) {
        const resolved = this.#parseEntry(entry);
        if (resolved) this.#services.set(resolved.name, resolved);
      }
      return [...this.#services.values()];
    } catch (error) {
      this.#services.clear();
      logger.warn(`Snapshot file ${path} is ignored: ${errorMessage(error)}`);
      return [];
    }
  }

  /** A result of kind `absent` removes the entry of its name. */
  record(resolved: ResolvedService): void {
    const previous = this.#services.get(resolved.name);
    this.#services.delete(resolved.name);
    if (resolved.kind === 'bound') this.#services.set(resolved.name, resolved);
    else if (previous === undefined) return;
    for (const name of this.#services.keys()) {
      if (this.#services.size <= maxNames) break;
      this.#services.delete(name);
    }
    const isSame =
      resolved.kind === 'bound' && previous !== undefined && fingerprint(previous) === fingerprint(resolved);
    this.#scheduleWrite(isSame ? refreshWriteDelayMs : changeWriteDelayMs);
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

  /** During another write, schedules a write instead. */
  async #write(): Promise<void> {
    if (this.#writing) {
      this.#scheduleWrite(changeWriteDelayMs);
      return;
    }
    const { files, path, logger } = this.#options;
    this.#isDirty = false;
    this.#writing = files
      .replace(
        path,
        JSON.stringify({ v: formatVersion, names: [...this.#services.values()].map(toSnapshotEntry) }),
      )
      .then(
        () => {
          this.#warned = false;
        },
        (error: unknown) => {
          if (!this.#warned)
            logger.warn(`Snapshot file ${path} could not be written: ${errorMessage(error)}`);
          this.#warned = true;
        },
      );
    await this.#writing;
    this.#writing = undefined;
  }

  /** Returns undefined if the time of the entry is too old or in the future. Throws if the entry is malformed. */
  #parseEntry({ name, requestedWallAt, ...rest }: SnapshotEntry): ResolvedService | undefined {
    const { clock, maxStaleMs } = this.#options;
    if (!isName(name) || typeof requestedWallAt !== 'number')
      throw new Error("each entry must have a valid 'name' and a number 'requestedWallAt'");
    const ageMs = clock.wallNow() - requestedWallAt;
    if (!(ageMs >= 0 && ageMs < maxStaleMs)) return undefined;
    const parsed = parseResolution({ ...rest, kind: 'bound', ttlMs: 0 }, name);
    return Object.freeze({
      ...parsed,
      kind: 'bound',
      name,
      requestedAt: clock.now() - ageMs,
      requestedWallAt,
      stale: false,
    });
  }
}

function toSnapshotEntry(resolved: ResolvedService): SnapshotEntry {
  const fields = Object.fromEntries(storedKeys.map((key) => [key, resolved[key]])) as Omit<
    SnapshotEntry,
    'endpoints'
  >;
  return { ...fields, endpoints: resolved.endpoints.map(toEndpointInit) };
}

function fingerprint(resolved: ResolvedService): string {
  const { requestedWallAt: _at, ...rest } = toSnapshotEntry(resolved);
  return JSON.stringify(rest);
}
