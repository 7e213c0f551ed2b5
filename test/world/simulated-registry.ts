/** The registry port of a world: tells the truth when nothing is wrong with it, and complains of a clerk that breaks the port. */
import type { Registry, Resolution, Snapshot } from 'binding-clerk/extend';
import type { FakeRuntime } from 'binding-clerk/testing';
import type { RandomStream } from './random-stream.js';
import type { CoverageMark } from './coverage.js';
import type { GroundTruth } from './ground-truth.js';

/** What may be wrong with the registry; faults switch it. */
export interface RegistryState {
  down: boolean;
  hanging: boolean;
  lying: boolean;
  /** Extra time for an answer, in ms. */
  slowMs: number;
  /** Watches say nothing. */
  watchesSilent: boolean;
}

export interface SimulatedRegistryOptions {
  readonly runtime: FakeRuntime;
  readonly truth: GroundTruth;
  readonly random: RandomStream;
  readonly state: RegistryState;
  readonly ttlMs: number | undefined;
  readonly promised: boolean;
  readonly watches: boolean;
  readonly latencyMs: number;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (promise: string, what: string) => void;
  /** The clerk was told, by a watch, of so many endpoints. */
  readonly onWatchSnapshot: (name: string, count: number) => void;
}

/** A program's way to the registry. */
export interface ClientRegistry extends Registry {
  readonly closes: number;
  readonly watchesOpen: number;
  /** The trouble is over. */
  healed(): void;
}

/** The registry as one clerk sees it. */
export class SimulatedRegistry implements ClientRegistry {
  /** Questions asked. */
  lookups = 0;
  closes = 0;
  watch?: NonNullable<Registry['watch']>;
  readonly #pending = new Set<string>();
  readonly #watches = new Set<() => void>();
  /** Newest revision that was told, by name. */
  readonly #sentRevisions = new Map<string, number>();

  constructor(
    readonly clerk: string,
    readonly options: SimulatedRegistryOptions,
  ) {
    if (options.watches) this.watch = (name, onSnapshot, onError) => this.#watch(name, onSnapshot, onError);
  }

  get watchesOpen(): number {
    return this.#watches.size;
  }

  resolve(name: string, { signal }: { readonly signal: AbortSignal }): Promise<Resolution> {
    const { runtime, state, latencyMs, violate, random, mark } = this.options;
    this.lookups++;
    if (this.closes > 0) violate('port', `${this.clerk} asked for ${name} after it closed the registry`);
    if (this.#pending.has(name)) violate('C1.5', `${this.clerk} asked for ${name} twice at a time`);
    this.#pending.add(name);
    return new Promise<Resolution>((resolve, reject) => {
      const end = (act: () => void) => (): void => {
        this.#pending.delete(name);
        signal.removeEventListener('abort', onAbort);
        act();
      };
      const onAbort = end(() => reject(signal.reason as Error));
      signal.addEventListener('abort', onAbort);
      const after = (ms: number, act: () => void): void => {
        runtime.setTimer(() => {
          if (!signal.aborted) act();
        }, ms);
      };
      after(latencyMs, () => {
        if (state.hanging) {
          mark('fault:registry-hang');
          return;
        }
        if (state.down) {
          mark('fault:registry-down');
          after(
            latencyMs,
            end(() => reject(new Error('The registry is down'))),
          );
          return;
        }
        const answer =
          state.lying && random.chance(0.8) ? this.#invalidAnswer(name) : this.#correctAnswer(name);
        if (state.slowMs > 0) mark('fault:registry-slow');
        after(
          latencyMs + state.slowMs,
          end(() => resolve(answer)),
        );
      });
    });
  }

  close(): void {
    if (++this.closes > 1) this.options.violate('port', `${this.clerk} closed the registry twice`);
  }

  #correctAnswer(name: string): Resolution {
    const { truth, ttlMs, promised } = this.options;
    const answer = truth.resolution(name, ttlMs, promised);
    if (answer.kind !== 'link') this.#sentRevisions.set(name, truth.revision(name));
    return answer;
  }

  /** Garbage of all kinds, none of which may be believed. */
  #invalidAnswer(name: string): Resolution {
    const { truth, random, mark } = this.options;
    mark('fault:registry-lie');
    const lies: unknown[] = [
      null,
      undefined,
      'absent',
      [],
      {},
      { kind: 'empty' },
      { kind: 'bound' },
      { kind: 'bound', endpoints: {} },
      { kind: 'bound', endpoints: [], ttlMs: Number.NaN },
      { kind: 'bound', endpoints: [], ttlMs: -1 },
      { kind: 'bound', endpoints: [], revision: 7 },
      { kind: 'bound', endpoints: ['http://a/with/path'] },
      { kind: 'bound', endpoints: ['http://a', 'http://a'] },
      { kind: 'bound', endpoints: [{ id: 'x' }] },
      { kind: 'link', target: '/../etc' },
      { kind: 'link', target: name },
    ];
    // Who never heard the truth cannot know better.
    const past = truth.outdatedResolution(name);
    if (past && (this.#sentRevisions.get(name) ?? 0) > past.revision && random.chance(0.5))
      return past.resolution;
    return random.one(lies) as Resolution;
  }

  #watch(
    name: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError: ((error: unknown) => void) | undefined,
  ): () => void {
    const { runtime, truth, state, latencyMs, random, mark } = this.options;
    let told = -1;
    let pending = false;
    let errorTold = false;
    const push = (): void => {
      if (pending) return;
      pending = true;
      // One at a time and always the newest: whole snapshots may skip steps, never reorder them.
      runtime.setTimer(() => {
        pending = false;
        if (!this.#watches.has(push)) return;
        if (state.watchesSilent || state.down || state.hanging) {
          mark('fault:watch-break');
          if (!errorTold && state.down) onError?.(new Error('The registry is down'));
          errorTold = true;
          return;
        }
        errorTold = false;
        if (state.lying && random.chance(0.5)) {
          // Undefined would be an answer here: a name that a whole snapshot leaves out does not exist.
          onSnapshot({ [name]: this.#invalidAnswer(name) ?? null });
          return;
        }
        const now = this.#correctAnswer(name);
        if (told !== truth.revision(name)) {
          told = truth.revision(name);
          mark('watch-update');
          if (now.kind !== 'link') this.options.onWatchSnapshot(name, truth.endpoints(name)?.size ?? 0);
          onSnapshot(random.chance(0.5) ? { [name]: now } : new Map([[name, now]]));
        }
      }, latencyMs);
    };
    this.#watches.add(push);
    const stop = truth.onChange((changed) => {
      if (changed === name) push();
    });
    push();
    return () => {
      stop();
      this.#watches.delete(push);
    };
  }

  /** The trouble is over: whoever watches hears how things are now. */
  healed(): void {
    for (const push of this.#watches) push();
  }
}
