/**
 * What a clerk last knew, kept in a file, so that a program can start while the registry is away. What is read from it
 * is old by definition and is used only in place of an answer, flagged stale, and never beyond an hour by the wall
 * clock. A file that is damaged, or that others may write to, is left aside with a warning: never a reason to fail.
 *
 * @see promises C1.4
 */
import type { ResolvedService } from '../core/resolution-result.js';
import type { Clock, Timer } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import { errorMessage } from '../core/errors.js';
import type { PrivateFiles } from '../core/files.js';
import type { Logger } from '../core/logger.js';
import { isName } from '../core/name.js';
import { parseResolution } from './parse-resolution.js';

/** What keeping a file needs. */
export interface SnapshotFileOptions {
  readonly path: string;
  readonly files: PrivateFiles;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing that was asked for longer ago is used, in ms. */
  readonly maxStaleMs: number;
}

/** Something new is written after so many ms, together with what comes meanwhile. */
const changeWriteDelayMs = 1_000;
/** Where only the times have moved on, there is no hurry. */
const refreshWriteDelayMs = 60_000;
const maxNames = 10_000;
const maxBytes = 64 * 1024 * 1024;
const formatVersion = 1;

/** One name in the file. */
interface SnapshotEntry {
  readonly name: string;
  readonly canonical: string;
  readonly endpoints: readonly object[];
  readonly policy: string | undefined;
  readonly timeoutMs?: number;
  readonly revision: string;
  readonly incarnation: string;
  readonly requestedWallAt: number;
}

/** See the file's header. */
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

  /** What the file says, as answers that have run out. Read once, at the beginning. Never throws. */
  load(): readonly ResolvedService[] {
    const { files, path, logger } = this.#options;
    try {
      const text = files.read(path, maxBytes);
      if (text === undefined) return [];
      const raw = JSON.parse(text) as { readonly v?: unknown; readonly names?: unknown } | null;
      if (raw?.v !== formatVersion || !Array.isArray(raw.names)) throw new Error('it has another form');
      for (const line of raw.names.slice(0, maxNames) as readonly SnapshotEntry[]) {
        const answer = this.#parseEntry(line);
        if (answer) this.#services.set(answer.name, answer);
      }
      return [...this.#services.values()];
    } catch (error) {
      this.#services.clear();
      logger.warn(`The snapshot ${path} cannot be used and is left aside: ${errorMessage(error)}`);
      return [];
    }
  }

  /** Takes note of what the registry said. */
  record(answer: ResolvedService): void {
    const before = this.#services.get(answer.name);
    this.#services.delete(answer.name);
    if (answer.kind === 'bound') this.#services.set(answer.name, answer);
    else if (before === undefined) return;
    for (const name of this.#services.keys()) {
      if (this.#services.size <= maxNames) break;
      this.#services.delete(name);
    }
    const isSame =
      answer.kind === 'bound' && before !== undefined && fingerprint(before) === fingerprint(answer);
    this.#scheduleWrite(isSame ? refreshWriteDelayMs : changeWriteDelayMs);
  }

  /** Writes what was not written yet. Never rejects. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#writing;
    if (this.#isDirty) await this.#write();
  }

  #scheduleWrite(afterMs: number): void {
    const { clock } = this.#options;
    this.#isDirty = true;
    const writeAt = clock.now() + afterMs;
    if (writeAt >= this.#writeAt) return;
    this.#writeAt = writeAt;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => {
      this.#writeAt = Infinity;
      void this.#write();
    }, afterMs);
    this.#timer.setRef(false);
  }

  /** One at a time. */
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
          if (!this.#warned) logger.warn(`The snapshot ${path} could not be written: ${errorMessage(error)}`);
          this.#warned = true;
        },
      );
    await this.#writing;
    this.#writing = undefined;
  }

  /** @throws a `ClerkError` when it is no answer */
  #parseEntry({ name, requestedWallAt, ...rest }: SnapshotEntry): ResolvedService | undefined {
    const { clock, maxStaleMs } = this.#options;
    if (!isName(name) || typeof requestedWallAt !== 'number') throw new Error('it has a line without a name');
    const ageMs = clock.wallNow() - requestedWallAt;
    // What comes from the future was written by a clock that was wrong, then or now.
    if (!(ageMs >= 0 && ageMs < maxStaleMs)) return undefined;
    const checked = parseResolution({ ...rest, kind: 'bound', ttlMs: 0 }, name);
    return Object.freeze({
      ...checked,
      kind: 'bound',
      name,
      requestedAt: clock.now() - ageMs,
      requestedWallAt: requestedWallAt,
      stale: false,
    });
  }
}

function toSnapshotEntry(answer: ResolvedService): SnapshotEntry {
  const { name, canonical, endpoints, policy, timeoutMs, revision, incarnation, requestedWallAt } = answer;
  return {
    name,
    canonical,
    endpoints: endpoints.map(toEndpointRecord),
    policy,
    ...(timeoutMs !== undefined && { timeoutMs }),
    revision,
    incarnation,
    requestedWallAt,
  };
}

/** An endpoint as it can be read again. */
function toEndpointRecord({ address: _first, ...rest }: Endpoint): object {
  return rest;
}

/** All of an answer but its times. */
function fingerprint(answer: ResolvedService): string {
  const { requestedWallAt: _at, ...rest } = toSnapshotEntry(answer);
  return JSON.stringify(rest);
}
