import type { HealthReport, Registry, Resolution, Snapshot } from 'binding-clerk/extend';
import type { FakeRuntime } from 'binding-clerk/testing';
import type { RandomStream } from './random-stream.js';
import type { CoverageMark } from './coverage.js';
import type { GroundTruth } from './ground-truth.js';

/** The active faults of the registry. */
export interface RegistryState {
  down: boolean;
  hanging: boolean;
  lying: boolean;
  /** Additional response time, in ms. */
  slowMs: number;
  /** Watches deliver nothing. */
  watchesSilent: boolean;
}

export interface SimulatedRegistryOptions {
  readonly runtime: FakeRuntime;
  readonly truth: GroundTruth;
  readonly random: RandomStream;
  readonly state: RegistryState;
  readonly ttlMs: number | undefined;
  readonly usesGuarantee: boolean;
  readonly watches: boolean;
  readonly latencyMs: number;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
  /** The clerk looks a name up. */
  readonly onResolve: (name: string) => void;
  readonly onReport: (report: HealthReport) => void;
  /** A watch delivered a snapshot with this many endpoints. */
  readonly onWatchSnapshot: (name: string, count: number) => void;
}

/** The registry port of one client. */
export interface ClientRegistry extends Registry {
  readonly closes: number;
  readonly watchesOpen: number;
  /** All faults have ended. */
  healed(): void;
}

/** A simulated registry for one clerk. It returns the ground truth without faults, and checks how the clerk uses the port. */
export class SimulatedRegistry implements ClientRegistry {
  /** Number of lookups. */
  lookups = 0;
  closes = 0;
  watch?: NonNullable<Registry['watch']>;
  readonly #pending = new Set<string>();
  readonly #watches = new Set<() => void>();
  /** Newest revision sent to the clerk, by name. */
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
    if (this.closes > 0) violate('port', `${this.clerk} looks up ${name} after it closed the registry`);
    if (this.#pending.has(name)) violate('C1.5', `${this.clerk} looks up ${name} twice concurrently`);
    this.#pending.add(name);
    this.options.onResolve(name);
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
        const resolution =
          state.lying && random.chance(0.8) ? this.#invalidResolution(name) : this.#correctResolution(name);
        if (state.slowMs > 0) mark('fault:registry-slow');
        after(
          latencyMs + state.slowMs,
          end(() => resolve(resolution)),
        );
      });
    });
  }

  report(report: HealthReport): void {
    this.options.onReport(report);
  }

  close(): void {
    if (++this.closes > 1) this.options.violate('port', `${this.clerk} closes the registry twice`);
  }

  #correctResolution(name: string): Resolution {
    const { truth, ttlMs, usesGuarantee } = this.options;
    const resolution = truth.resolution(name, ttlMs, usesGuarantee);
    if (resolution.kind !== 'link') this.#sentRevisions.set(name, truth.revision(name));
    return resolution;
  }

  /** An invalid or outdated resolution, which the clerk must reject. */
  #invalidResolution(name: string): Resolution {
    const { truth, random, mark } = this.options;
    mark('fault:registry-lie');
    const invalid: unknown[] = [
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
    // Only a clerk that has received a newer revision can reject an outdated one.
    const past = truth.outdatedResolution(name);
    if (past && (this.#sentRevisions.get(name) ?? 0) > past.revision && random.chance(0.5))
      return past.resolution;
    return random.one(invalid) as Resolution;
  }

  #watch(
    name: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError: ((error: unknown) => void) | undefined,
  ): () => void {
    const { runtime, truth, state, latencyMs, random, mark } = this.options;
    let sentRevision = -1;
    let pending = false;
    let errorReported = false;
    const push = (): void => {
      if (pending) return;
      pending = true;
      // One delivery at a time and always the latest snapshot: changes may be skipped, never reordered.
      runtime.setTimer(() => {
        pending = false;
        if (!this.#watches.has(push)) return;
        if (state.watchesSilent || state.down || state.hanging) {
          mark('fault:watch-break');
          if (!errorReported && state.down) onError?.(new Error('The registry is down'));
          errorReported = true;
          return;
        }
        errorReported = false;
        if (state.lying && random.chance(0.5)) {
          // Not undefined, since a name that is missing in a snapshot does not exist.
          onSnapshot({ [name]: this.#invalidResolution(name) ?? null });
          return;
        }
        const now = this.#correctResolution(name);
        if (sentRevision !== truth.revision(name)) {
          sentRevision = truth.revision(name);
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

  /** All faults have ended: every watch receives the present snapshot. */
  healed(): void {
    for (const push of this.#watches) push();
  }
}
