import type { Clock } from '../../core/clock.js';
import { isName } from '../../core/name.js';
import type { ResolutionStep } from '../../core/registry.js';
import { limits } from '../../protocol/limits.js';
import type { Guarantees } from './guarantees.js';
import { visibleEndpointJson, visibleHealth } from './health/visible-health.js';
import { loadRefreshMs, withLoad, type LoadReports } from './load-reports.js';
import type { NameEntry } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';
import { hasDescendants } from './state/naming-view.js';
import type { EntryRecord } from './state/records.js';
import { isStarting } from './state/record-codec.js';
import { tryResolveLinks } from './state/resolve-links.js';

const maxPerGeneration = 16_384;

/** `revision` is that of the last saved batch. */
export interface StatePosition {
  readonly incarnation: string;
  readonly revision: number;
  /** Empty for an unsaved revision. */
  markOf(revision: number): string;
  /** Incarnation, revision and mark, separated by colons. */
  textOf(revision: number): string;
}

interface CachedLookup {
  /** JSON of the response up to the value of `revision`. */
  readonly head: string;
  /** JSON of the response after the value of `mark`, which follows `revision`. */
  readonly tail: string;
  readonly entries: readonly NameEntry[];
  readonly versions: readonly number[];
  /** Entry at the canonical name; undefined for a directory that exists only because there are names below it. */
  readonly serviceEntry: NameEntry | undefined;
  readonly loadVersion: number;
  readonly builtAt: number;
  revision: number;
  json: string;
}

export interface LookupDependencies {
  readonly state: NamingState;
  readonly guarantees: Guarantees;
  readonly position: StatePosition;
  readonly loadReports: LoadReports;
  readonly clock: Clock;
  readonly isStartable: (manifest: string) => boolean;
}

/**
 * Cache of lookup responses as JSON, for existing names only. A response is built again when an entry on its path has
 * changed, and at most every 2 s when only loads have changed. Each use restarts the guarantees of all entries on the
 * path.
 *
 * The cache has a recent and a previous generation. A full recent generation becomes the previous generation.
 */
export class LookupCache {
  #recent = new Map<string, CachedLookup>();
  #previous = new Map<string, CachedLookup>();
  readonly #deps: LookupDependencies;

  constructor(deps: LookupDependencies) {
    this.#deps = deps;
  }

  json(name: string): string | undefined {
    const lookup = this.#cached(name) ?? this.#build(name);
    if (lookup === undefined) return undefined;
    const { guarantees, position, clock } = this.#deps;
    const now = clock.now();
    for (const entry of lookup.entries) guarantees.recordServed(entry, now);
    const { revision } = position;
    if (lookup.revision !== revision) {
      lookup.revision = revision;
      lookup.json = `${lookup.head}${revision}","mark":"${position.markOf(revision)}${lookup.tail}`;
    }
    return lookup.json;
  }

  /** Needed after a change of the incarnation, which each response contains. */
  clear(): void {
    this.#recent.clear();
    this.#previous.clear();
  }

  /**
   * Returns a string that changes with every entry and endpoint in the lookup, but not with loads and revisions.
   * Returns undefined for an unknown name. Restarts no guarantee.
   */
  fingerprint(name: string): string | undefined {
    const lookup = this.#cached(name) ?? this.#build(name);
    return lookup === undefined ? undefined : lookup.versions.join();
  }

  #cached(name: string): CachedLookup | undefined {
    let lookup = this.#recent.get(name);
    if (lookup === undefined) {
      lookup = this.#previous.get(name);
      if (lookup === undefined) return undefined;
      this.#store(name, lookup);
    }
    const { entries, versions, serviceEntry, loadVersion, builtAt } = lookup;
    const { loadReports, clock } = this.#deps;
    const isOutdated =
      entries.some(({ version }, i) => version !== versions[i]) ||
      (serviceEntry !== undefined &&
        loadReports.versionOf(serviceEntry) !== loadVersion &&
        clock.now() - builtAt >= loadRefreshMs);
    if (isOutdated) {
      this.#recent.delete(name);
      this.#previous.delete(name);
      return undefined;
    }
    return this.#hasFrozen(entries) ? undefined : lookup;
  }

  #hasFrozen(entries: readonly NameEntry[]): boolean {
    return entries.some((entry) => this.#deps.guarantees.isFrozen(entry));
  }

  #store(name: string, lookup: CachedLookup): void {
    if (this.#recent.size >= maxPerGeneration) {
      this.#previous = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(name, lookup);
  }

  #build(name: string): CachedLookup | undefined {
    const { state, guarantees } = this.#deps;
    const found = isName(name) ? tryResolveLinks(state, name) : undefined;
    if (found === undefined) return undefined;
    const { canonical, hops } = found;
    const entries: NameEntry[] = [];
    const path: ResolutionStep[] = [];
    const addStep = (stepName: string, entryName: string): void => {
      const entry = state.entries.get(entryName);
      if (entry === undefined) return;
      // A directory can be on the path twice: by its identifier, and by its name.
      if (!entries.includes(entry)) entries.push(entry);
      path.push({
        name: stepName,
        kind: entry.record.kind,
        guaranteedMs: guarantees.guaranteedMs(entry),
      });
    };
    for (const hop of hops) addStep(hop.name, hop.entryName);
    const record = state.entry(canonical);
    if (record !== undefined) addStep(canonical, canonical);
    else if (hasDescendants(state, canonical))
      path.push({ name: canonical, kind: 'directory', guaranteedMs: 0 });
    else return undefined;
    const lookup = this.#render(name, canonical, record, path, entries);
    // Two kinds of lookups are not cached. The lookup of a directory without an entry depends on the names below the
    // directory. The guarantee of a frozen entry shrinks with time.
    if (record !== undefined && !this.#hasFrozen(entries)) this.#store(name, lookup);
    return lookup;
  }

  #render(
    name: string,
    canonical: string,
    record: EntryRecord | undefined,
    path: readonly ResolutionStep[],
    entries: readonly NameEntry[],
  ): CachedLookup {
    const { state, loadReports, position, isStartable, clock } = this.#deps;
    const service = record?.kind === 'service' ? record : undefined;
    const serviceEntry = state.entries.get(canonical);
    const health = visibleHealth(serviceEntry?.service);
    const endpoints: string[] = [];
    const starting: string[] = [];
    for (const registration of state.endpoints(canonical)) {
      const list = isStarting(registration.json) ? starting : endpoints;
      list.push(withLoad(visibleEndpointJson(registration, health), loadReports.loadOf(registration)));
    }
    const start = JSON.stringify({
      name,
      canonical,
      kind: record?.kind === 'service' || record?.kind === 'group' ? record.kind : 'directory',
      path,
      policy: service?.policy ?? null,
      timeoutMs: service?.timeoutMs,
      attemptTimeoutMs: service?.attemptTimeoutMs,
      retries: service?.retries,
      launchable: service?.launch ? isStartable(service.launch.manifest) : false,
      ...(health.healthQueried.length > 0 && { healthQueried: health.healthQueried }),
    });
    const startingJson = starting.length > 0 ? `,"starting":[${starting.join(',')}]` : '';
    const guaranteedMs = path.reduce((least, step) => Math.min(least, step.guaranteedMs), Infinity);
    // A client must not use a frozen entry after the end of its guarantee, so the guarantee bounds the TTL.
    const ttlMs = this.#hasFrozen(entries) ? Math.min(guaranteedMs, limits.lookupTtlMs) : limits.lookupTtlMs;
    return {
      head: `${start.slice(0, -1)},"endpoints":[${endpoints.join(',')}]${startingJson},"revision":"`,
      tail: `","incarnation":"${position.incarnation}","guaranteedMs":${guaranteedMs},"ttlMs":${ttlMs}}`,
      entries,
      versions: entries.map(({ version }) => version),
      serviceEntry,
      loadVersion: loadReports.versionOf(serviceEntry),
      builtAt: clock.now(),
      revision: -1,
      json: '',
    };
  }
}
