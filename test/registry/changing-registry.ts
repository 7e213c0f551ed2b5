/** A registry in memory that can be changed and broken: what several registries are tried on. */
import type { EndpointInit } from '../../src/core/endpoint.js';
import type { Registry, Snapshot } from '../../src/core/registry.js';
import { staticRegistry } from '../../src/registry/static.js';

/** The registry, with the levers of {@link RegistryUnderTest}. */
export interface ChangingRegistry {
  readonly registry: Required<Omit<Registry, 'start' | 'report'>>;
  /** Names that were asked for, in order. */
  readonly asked: string[];
  /** How often it was closed. */
  readonly closed: () => number;
  /** Watches that have not been ended. */
  readonly watches: () => number;
  put(name: string, endpoints: readonly EndpointInit[]): void;
  remove(name: string): void;
  fail(failing: boolean): void;
}

export function changingRegistry(
  contents: Readonly<Record<string, readonly EndpointInit[]>>,
): ChangingRegistry {
  const services = new Map(Object.entries(contents));
  const asked: string[] = [];
  const watches = new Set<() => void>();
  let failing = false;
  let closed = 0;
  const now = (): Required<Omit<Registry, 'start' | 'report'>> => {
    if (failing) throw new Error('The registry is down');
    return staticRegistry(Object.fromEntries(services)) as Required<Omit<Registry, 'start' | 'report'>>;
  };
  const tell = (): void => {
    for (const watch of watches) watch();
  };
  return {
    asked,
    closed: () => closed,
    watches: () => watches.size,
    put(name, endpoints) {
      services.set(name, endpoints);
      tell();
    },
    remove(name) {
      services.delete(name);
      tell();
    },
    fail(value) {
      failing = value;
      tell();
    },
    registry: {
      async resolve(name, context) {
        asked.push(name);
        const resolution = await now().resolve(name, context);
        return resolution.kind === 'bound' ? { ...resolution, ttlMs: 5_000 } : resolution;
      },
      list: async (glob, context) => now().list(glob, context),
      search: async (glob, filter, context) => now().search(glob, filter, context),
      watch(glob, onSnapshot: (snapshot: Snapshot) => void, onError) {
        let stopInner = (): void => {};
        const watch = (): void => {
          stopInner();
          try {
            stopInner = now().watch(glob, onSnapshot);
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

/** Asks a registry as a clerk does. */
export function ask(registry: Registry, name: string): Promise<unknown> {
  return Promise.resolve().then(() =>
    registry.resolve(name, { signal: new AbortController().signal, suspects: new Set() }),
  );
}

export const anybody = { signal: new AbortController().signal };

/** Snapshots of a watch so far, as plain objects of ids, and its end. */
export function watched(
  registry: Registry,
  glob: string,
): { readonly seen: unknown[]; readonly errors: unknown[]; readonly stop: () => void } {
  const seen: unknown[] = [];
  const errors: unknown[] = [];
  const stop = registry.watch?.(
    glob,
    (snapshot) => {
      const entries = snapshot instanceof Map ? [...snapshot] : Object.entries(snapshot);
      seen.push(
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
  return { seen, errors, stop: stop ?? (() => {}) };
}

/** Lets everything go on that waits for nothing but promises. */
export async function settled(): Promise<void> {
  for (let turn = 0; turn < 50; turn++) await Promise.resolve();
}
