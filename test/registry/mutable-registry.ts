/** A registry in memory that tests can change and break, for tests of composite registries. */
import type { EndpointInit } from '../../src/core/endpoint.js';
import type { Registry, Snapshot } from '../../src/core/registry.js';
import { staticRegistry } from '../../src/registry/static-registry.js';

/** The registry, with the controls of {@link RegistryUnderTest}. */
export interface MutableRegistry {
  readonly registry: Required<Omit<Registry, 'start' | 'report'>>;
  /** Names that were looked up, in order. */
  readonly lookups: string[];
  /** Number of `close` calls. */
  readonly closeCount: () => number;
  /** Number of active watches. */
  readonly watchCount: () => number;
  put(name: string, endpoints: readonly EndpointInit[]): void;
  remove(name: string): void;
  fail(failing: boolean): void;
}

export function mutableRegistry(
  contents: Readonly<Record<string, readonly EndpointInit[]>>,
): MutableRegistry {
  const services = new Map(Object.entries(contents));
  const lookups: string[] = [];
  const watches = new Set<() => void>();
  let failing = false;
  let closed = 0;
  const current = (): Required<Omit<Registry, 'start' | 'report'>> => {
    if (failing) throw new Error('The registry is down');
    return staticRegistry(Object.fromEntries(services)) as Required<Omit<Registry, 'start' | 'report'>>;
  };
  const notify = (): void => {
    for (const watch of watches) watch();
  };
  return {
    lookups,
    closeCount: () => closed,
    watchCount: () => watches.size,
    put(name, endpoints) {
      services.set(name, endpoints);
      notify();
    },
    remove(name) {
      services.delete(name);
      notify();
    },
    fail(value) {
      failing = value;
      notify();
    },
    registry: {
      async resolve(name, context) {
        lookups.push(name);
        const resolution = await current().resolve(name, context);
        return resolution.kind === 'bound' ? { ...resolution, ttlMs: 5_000 } : resolution;
      },
      list: async (glob, context) => current().list(glob, context),
      search: async (glob, filter, context) => current().search(glob, filter, context),
      watch(glob, onSnapshot: (snapshot: Snapshot) => void, onError) {
        let stopInner = (): void => {};
        const watch = (): void => {
          stopInner();
          try {
            stopInner = current().watch(glob, onSnapshot);
          } catch (error) {
            stopInner = () => {};
            queueMicrotask(() => onError?.(error));
          }
        };
        watches.add(watch);
        watch();
        return () => {
          watches.delete(watch);
          stopInner();
        };
      },
      close: () => {
        closed++;
      },
    },
  };
}

/** Looks a name up as a clerk does, without a clock. */
export function lookup(registry: Registry, name: string): Promise<unknown> {
  return Promise.resolve().then(() =>
    registry.resolve(name, { signal: new AbortController().signal, suspects: new Set() }),
  );
}

export const anyContext = { signal: new AbortController().signal };

/** Starts a watch. Returns its snapshots, as plain objects of ids, its errors, and the function that ends it. */
export function recordWatch(
  registry: Registry,
  glob: string,
): { readonly snapshots: unknown[]; readonly errors: unknown[]; readonly stop: () => void } {
  const snapshots: unknown[] = [];
  const errors: unknown[] = [];
  const stop = registry.watch?.(
    glob,
    (snapshot) => {
      const entries = snapshot instanceof Map ? [...snapshot] : Object.entries(snapshot);
      snapshots.push(
        Object.fromEntries(
          entries.map(([name, resolution]) => [
            name,
            resolution.kind === 'bound'
              ? resolution.endpoints.map((endpoint: EndpointInit) => endpoint.id)
              : resolution,
          ]),
        ),
      );
    },
    (error) => errors.push(error),
  );
  return { snapshots, errors, stop: stop ?? (() => {}) };
}

/** Runs all pending microtasks. */
export async function flushPromises(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
