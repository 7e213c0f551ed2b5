/**
 * Helpers of composite registries. A composite registry consists of other registries, its parts. It has `list`,
 * `search` or `watch` only if every part has the method. Without this rule, results would lack the names of a part.
 */
import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { forEachSettled } from '../core/for-each-settled.js';
import { parseSnapshot } from '../core/parse-snapshot.js';
import type { Registry, ResolveContext, Resolution, Snapshot } from '../core/registry.js';
import { toRegistry, type RegistrySource } from './to-registry.js';

/** Lifetime of an absent result if a part has failed, was slow, or stated no `ttlMs`, in ms. */
export const defaultAbsentTtlMs = 1_000;

export function toRegistries(given: readonly RegistrySource[], functionName: string): readonly Registry[] {
  if (given.length === 0)
    throw new ClerkError('CONFIG_INVALID', `${functionName} must be called with at least one registry`);
  return Object.freeze(given.map((one) => toRegistry(one)));
}

export async function resolveFrom(
  part: Registry,
  name: string,
  context: ResolveContext,
): Promise<Resolution> {
  return checkKind(await part.resolve(name, context), name);
}

function checkKind(resolution: unknown, name: string): Resolution {
  if (typeof resolution === 'object' && resolution !== null && 'kind' in resolution)
    return resolution as Resolution;
  throw new ClerkError(
    'REGISTRY_INVALID',
    `The registry's response for ${name} must be an object with the field 'kind'; got ${describeValue(resolution)}`,
  );
}

export function ttlOf(resolution: Resolution): number {
  if (resolution.kind === 'absent') return resolution.ttlMs ?? defaultAbsentTtlMs;
  const { ttlMs, guaranteedMs } = resolution;
  return Math.min(ttlMs ?? (guaranteedMs === undefined ? 5_000 : Infinity), guaranteedMs ?? Infinity);
}

export function fromAll<T>(
  parts: readonly Registry[],
  select: (part: Registry) => T | undefined,
): readonly T[] | undefined {
  const all = parts.map(select).filter((item) => item !== undefined);
  return all.length === parts.length ? all : undefined;
}

/**
 * Returns the `watch` of a composite registry, or an empty object when a part has no `watch`. The first merged snapshot
 * is delivered when every part has sent a snapshot. If a part sends an invalid snapshot, `onError` is called, and the
 * previous snapshot of the part stays in use.
 *
 * @param merge - merges the resolutions of one name, one element per part; undefined if the part does not have the name
 */
export function mergedWatch(
  parts: readonly Registry[],
  merge: (name: string, resolutions: readonly (Resolution | undefined)[]) => Resolution,
): Pick<Registry, 'watch'> {
  const watches = fromAll(parts, (part) => part.watch?.bind(part));
  if (watches === undefined) return {};
  return {
    watch(glob, onSnapshot, onError) {
      let latest: readonly (ReadonlyMap<string, Resolution> | undefined)[] = watches.map(() => undefined);
      let stopped = false;
      const mergeAll = (maps: typeof latest): Snapshot => {
        const names = new Set(maps.flatMap((map) => [...(map?.keys() ?? [])]));
        const resolutionsOf = (name: string) => maps.map((map) => map?.get(name));
        return new Map([...names].map((name) => [name, merge(name, resolutionsOf(name))]));
      };
      const publish = (i: number, snapshot: Snapshot): void => {
        if (stopped) return;
        let merged: Snapshot;
        try {
          const next = latest.with(i, toMap(snapshot, glob));
          merged = mergeAll(next);
          latest = next;
        } catch (error) {
          onError?.(error);
          return;
        }
        if (!latest.includes(undefined)) onSnapshot(merged);
      };
      const stops: (() => void)[] = [];
      const stop = (): void => {
        stopped = true;
        for (const each of stops.splice(0)) each();
      };
      try {
        for (const [i, watch] of watches.entries())
          stops.push(watch(glob, (snapshot) => publish(i, snapshot), onError));
      } catch (error) {
        stop();
        throw error;
      }
      return stop;
    },
  };
}

export function forwardReports(parts: readonly Registry[]): Pick<Registry, 'report'> {
  if (parts.every((part) => part.report === undefined)) return {};
  return {
    report: (report, context) => forEachSettled(new Set(parts), (part) => part.report?.(report, context)),
  };
}

export function sortByName<T extends { readonly name: string }>(entries: Iterable<T>): T[] {
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/**
 * Returns the resolutions of a snapshot by name, without absent names.
 *
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the snapshot or one of its resolutions is not an object
 */
export function toMap(snapshot: Snapshot, glob: string): ReadonlyMap<string, Resolution> {
  const present = new Map<string, Resolution>();
  for (const [name, value] of parseSnapshot(snapshot, glob)) {
    const resolution = checkKind(value, name);
    if (resolution.kind !== 'absent') present.set(name, resolution);
  }
  return present;
}

export function closeAll(parts: readonly Registry[]): Promise<void> {
  return forEachSettled(new Set(parts), (part) => part.close?.());
}
