/**
 * What a clerk last knew, kept in a file, so that a program can start while the registry is away. What is read from it
 * is old by definition and is used only in place of an answer, flagged stale, and never beyond an hour by the wall
 * clock. A file that is damaged, or that others may write to, is left aside with a warning: never a reason to fail.
 *
 * @see promises C1.4
 */
import type { Answer } from '../core/answer.js';
import type { Clock, Timer } from '../core/clock.js';
import type { Endpoint } from '../core/endpoint.js';
import { reasonOf } from '../core/errors.js';
import type { Files } from '../core/files.js';
import type { Logger } from '../core/logger.js';
import { isName } from '../core/name.js';
import { checkResolution } from './resolution.js';

/** What keeping a file needs. */
export interface SnapshotOptions {
  readonly path: string;
  readonly files: Files;
  readonly clock: Clock;
  readonly logger: Logger;
  /** Nothing that was asked for longer ago is used, in ms. */
  readonly maxStaleMs: number;
}

/** Something new is written after so many ms, together with what comes meanwhile. */
const changedMs = 1_000;
/** Where only the times have moved on, there is no hurry. */
const confirmedMs = 60_000;
const mostNames = 10_000;
const mostBytes = 64 * 1024 * 1024;
const version = 1;

/** One name in the file. */
interface Line {
  readonly name: string;
  readonly canonical: string;
  readonly endpoints: readonly object[];
  readonly policy: string | undefined;
  readonly timeoutMs?: number;
  readonly revision: string;
  readonly incarnation: string;
  readonly askedWallAt: number;
}

/** See the file's header. */
export class SnapshotFile {
  readonly #options: SnapshotOptions;
  readonly #answers = new Map<string, Answer>();
  #timer: Timer | undefined;
  #dueAt = Infinity;
  #isDirty = false;
  #writing: Promise<void> | undefined;
  #warned = false;

  constructor(options: SnapshotOptions) {
    this.#options = options;
  }

  /** What the file says, as answers that have run out. Read once, at the beginning. Never throws. */
  load(): readonly Answer[] {
    const { files, path, logger } = this.#options;
    try {
      const text = files.read(path, mostBytes);
      if (text === undefined) return [];
      const raw = JSON.parse(text) as { readonly v?: unknown; readonly names?: unknown } | null;
      if (raw?.v !== version || !Array.isArray(raw.names)) throw new Error('it has another form');
      for (const line of raw.names.slice(0, mostNames) as readonly Line[]) {
        const answer = this.#answerOf(line);
        if (answer) this.#answers.set(answer.name, answer);
      }
      return [...this.#answers.values()];
    } catch (error) {
      this.#answers.clear();
      logger.warn(`The snapshot ${path} cannot be used and is left aside: ${reasonOf(error)}`);
      return [];
    }
  }

  /** Takes note of what the registry said. */
  keep(answer: Answer): void {
    const before = this.#answers.get(answer.name);
    this.#answers.delete(answer.name);
    if (answer.kind === 'bound') this.#answers.set(answer.name, answer);
    else if (before === undefined) return;
    for (const name of this.#answers.keys()) {
      if (this.#answers.size <= mostNames) break;
      this.#answers.delete(name);
    }
    const isSame = answer.kind === 'bound' && before !== undefined && printOf(before) === printOf(answer);
    this.#plan(isSame ? confirmedMs : changedMs);
  }

  /** Writes what was not written yet. Never rejects. */
  async close(): Promise<void> {
    this.#timer?.cancel();
    await this.#writing;
    if (this.#isDirty) await this.#write();
  }

  #plan(afterMs: number): void {
    const { clock } = this.#options;
    this.#isDirty = true;
    const at = clock.now() + afterMs;
    if (at >= this.#dueAt) return;
    this.#dueAt = at;
    this.#timer?.cancel();
    this.#timer = clock.setTimer(() => {
      this.#dueAt = Infinity;
      void this.#write();
    }, afterMs);
    this.#timer.setRef(false);
  }

  /** One at a time. */
  async #write(): Promise<void> {
    if (this.#writing) {
      this.#plan(changedMs);
      return;
    }
    const { files, path, logger } = this.#options;
    this.#isDirty = false;
    this.#writing = files
      .replace(path, JSON.stringify({ v: version, names: [...this.#answers.values()].map(lineOf) }))
      .then(
        () => {
          this.#warned = false;
        },
        (error: unknown) => {
          if (!this.#warned) logger.warn(`The snapshot ${path} could not be written: ${reasonOf(error)}`);
          this.#warned = true;
        },
      );
    await this.#writing;
    this.#writing = undefined;
  }

  /** @throws a `ClerkError` when it is no answer */
  #answerOf({ name, askedWallAt, ...rest }: Line): Answer | undefined {
    const { clock, maxStaleMs } = this.#options;
    if (!isName(name) || typeof askedWallAt !== 'number') throw new Error('it has a line without a name');
    const ageMs = clock.wallNow() - askedWallAt;
    // What comes from the future was written by a clock that was wrong, then or now.
    if (!(ageMs >= 0 && ageMs < maxStaleMs)) return undefined;
    const checked = checkResolution({ ...rest, kind: 'bound', ttlMs: 0 }, name);
    return Object.freeze({
      ...checked,
      kind: 'bound',
      name,
      askedAt: clock.now() - ageMs,
      askedWallAt,
      stale: false,
    });
  }
}

function lineOf(answer: Answer): Line {
  const { name, canonical, endpoints, policy, timeoutMs, revision, incarnation, askedWallAt } = answer;
  return {
    name,
    canonical,
    endpoints: endpoints.map(initOf),
    policy,
    ...(timeoutMs !== undefined && { timeoutMs }),
    revision,
    incarnation,
    askedWallAt,
  };
}

/** An endpoint as it can be read again. */
function initOf({ address: _first, ...rest }: Endpoint): object {
  return rest;
}

/** All of an answer but its times. */
function printOf(answer: Answer): string {
  const { askedWallAt: _at, ...rest } = lineOf(answer);
  return JSON.stringify(rest);
}
