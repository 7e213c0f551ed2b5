/**
 * What `firstOf` and `union` have in common. A question that needs all parts fails when one of them fails, and cannot
 * be asked when one of them cannot answer it: part of a list is not a list.
 */
import { ClerkError } from '../core/errors.js';
import type { Registry, ResolveContext, Resolution, Snapshot } from '../core/registry.js';
import { toRegistry, type StaticAddresses } from './static-registry.js';

/** For how long is believed that a name is absent from a registry that does not say it, in ms; also of one that failed. */
export const defaultAbsentTtlMs = 1_000;

/**
 * The registries that several are made of.
 *
 * @throws a `ClerkError` `CONFIG_INVALID` when there is none
 */
export function toRegistries(
  given: readonly (Registry | StaticAddresses)[],
  what: string,
): readonly Registry[] {
  if (given.length === 0) throw new ClerkError('CONFIG_INVALID', `${what} needs at least one registry`);
  return Object.freeze(given.map((one) => toRegistry(one)));
}

/** Asks one part, and rejects if what comes back is no answer at all. */
export async function resolveFrom(
  part: Registry,
  name: string,
  context: ResolveContext,
): Promise<Resolution> {
  const resolution: unknown = await part.resolve(name, context);
  if (typeof resolution === 'object' && resolution !== null && 'kind' in resolution)
    return resolution as Resolution;
  throw new ClerkError(
    'REGISTRY_INVALID',
    `A registry's answer for ${name} is ${resolution === null ? 'null' : typeof resolution}, not an object with a kind`,
  );
}

/** For how long an answer may be used, in ms. */
export function ttlOf(resolution: Resolution): number {
  if (resolution.kind === 'absent') return resolution.ttlMs ?? defaultAbsentTtlMs;
  const { ttlMs, guaranteedMs } = resolution;
  return Math.min(ttlMs ?? (guaranteedMs === undefined ? 5_000 : Infinity), guaranteedMs ?? Infinity);
}

/** Something of every part, or undefined if one part has nothing. */
export function fromAll<T>(
  parts: readonly Registry[],
  select: (part: Registry) => T | undefined,
): readonly T[] | undefined {
  const all = parts.map(select).filter((item) => item !== undefined);
  return all.length === parts.length ? all : undefined;
}

/**
 * Watching all parts: a snapshot goes out once all have given theirs, and after every change of one.
 *
 * @param merge - what stands behind a name, from what each part says of it, undefined being absent; called for names
 * that at least one part knows
 */
export function mergedWatch(
  parts: readonly Registry[],
  merge: (name: string, found: readonly (Resolution | undefined)[]) => Resolution,
): Pick<Registry, 'watch'> {
  const watches = fromAll(parts, (part) => part.watch?.bind(part));
  if (watches === undefined) return {};
  return {
    watch(glob, onSnapshot, onError) {
      const latest: ReadonlyMap<string, Resolution>[] = [];
      const missing = new Set(watches.keys());
      let stopped = false;
      const publish = (i: number, snapshot: Snapshot): void => {
        latest[i] = toMap(snapshot);
        missing.delete(i);
        if (stopped || missing.size > 0) return;
        const names = new Set(latest.flatMap((map) => [...map.keys()]));
        onSnapshot(
          new Map(
            [...names].map((name) => [
              name,
              merge(
                name,
                latest.map((map) => map.get(name)),
              ),
            ]),
          ),
        );
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

/** What is said of endpoints is said to all parts that hear it: who does not know one passes it over. */
export function forwardReports(parts: readonly Registry[]): Pick<Registry, 'report'> {
  const reporting = [...new Set(parts)].filter((part) => part.report !== undefined);
  if (reporting.length === 0) return {};
  return {
    async report(report, context) {
      const results = await Promise.allSettled(reporting.map(async (part) => part.report?.(report, context)));
      const failed = results.find((result) => result.status === 'rejected');
      if (failed !== undefined) throw failed.reason;
    },
  };
}

/** Entries in the order of their names. */
export function sortByName<T extends { readonly name: string }>(entries: Iterable<T>): T[] {
  return [...entries].sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** A snapshot as a map, without the names that it says are absent. */
export function toMap(snapshot: Snapshot): ReadonlyMap<string, Resolution> {
  const entries: Iterable<[string, Resolution]> =
    snapshot instanceof Map ? snapshot : Object.entries(snapshot);
  return new Map([...entries].filter(([, resolution]) => resolution.kind !== 'absent'));
}

/** Closes all parts, also when one of them fails to; each once, though it may be several parts. */
export async function closeAll(parts: readonly Registry[]): Promise<void> {
  const closed = await Promise.allSettled([...new Set(parts)].map(async (part) => part.close?.()));
  const failed = closed.find((result) => result.status === 'rejected');
  if (failed !== undefined) throw failed.reason;
}
