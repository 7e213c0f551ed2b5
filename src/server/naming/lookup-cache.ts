import type { Clock } from '../../core/clock.js';
import { isName } from '../../core/name.js';
import type { ResolutionStep } from '../../core/registry.js';
import { limits } from '../../protocol/limits.js';
import { GenerationCache } from './generation-cache.js';
import type { Guarantees } from './guarantees.js';
import { visibleEndpointJson, visibleHealth } from './health/visible-health.js';
import { loadRefreshMs, withLoad, type LoadReports } from './load-reports.js';
import type { NameEntry } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';
import { hasDescendants } from './state/naming-view.js';
import type { EntryRecord } from './state/records.js';
import { isStarting } from './state/record-codec.js';
import { tryResolveLinks } from './state/resolve-links.js';

/** `revision` is that of the last saved batch. */
export interface StatePosition {
  readonly incarnation: string;
  readonly revision: number;
  /** Empty for an unsaved revision. */
  markOf(revision: number): string;
  /** Incarnation, revision and mark, separated by colons. */
  textOf(revision: number): string;
}

/** The part of a response that depends on the looked-up name: everything but the service. */
interface CachedLookup {
  /** JSON of the response up to the service. */
  readonly head: string;
  /** JSON of the response after the value of `mark`, which follows `revision`. */
  readonly tail: string;
  readonly canonical: string;
  readonly entries: readonly NameEntry[];
  readonly versions: readonly number[];
}

/** The part of a response that all names of one service share. */
interface CachedService {
  /** JSON from `policy` up to the value of `revision`. */
  readonly json: string;
  /** Entry at the canonical name; undefined for a directory that exists only because there are names below it. */
  readonly entry: NameEntry | undefined;
  readonly version: number | undefined;
  readonly loadVersion: number;
  readonly builtAt: number;
  /** The last response for the canonical name, and the lookup and revision for which it was made. */
  response: string;
  lookup: CachedLookup | undefined;
  revision: number;
}

interface LookupPath {
  readonly canonical: string;
  readonly record: EntryRecord | undefined;
  readonly path: readonly ResolutionStep[];
  readonly entries: readonly NameEntry[];
}

/** Bytes of a character, and of the objects of a cached value. */
const bytesPerCharacter = 2;
const entryBytes = 512;

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
 * All names of one service share its endpoints, so links to a large service need no memory of its size. The cache holds
 * at most 96 MiB.
 */
export class LookupCache {
  readonly #lookups = new GenerationCache<CachedLookup>({ maxEntries: 16_384, maxBytes: 16 * 1024 * 1024 });
  readonly #services = new GenerationCache<CachedService>({ maxEntries: 16_384, maxBytes: 32 * 1024 * 1024 });
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
    const service = this.#serviceOf(lookup.canonical);
    const { revision } = position;
    if (service.revision === revision && service.lookup === lookup) return service.response;
    const response = `${lookup.head}${service.json}${revision}","mark":"${position.markOf(revision)}${lookup.tail}`;
    // A response for a link is not kept, because it would be a copy of the service.
    if (name === lookup.canonical) {
      service.response = response;
      service.lookup = lookup;
      service.revision = revision;
    }
    return response;
  }

  /** Needed after a change of the incarnation, which each response contains. */
  clear(): void {
    this.#lookups.clear();
    this.#services.clear();
  }

  /**
   * Returns a string that changes with every entry and endpoint in the lookup, but not with loads and revisions.
   * Returns undefined for an unknown name. Restarts no guarantee.
   */
  fingerprint(name: string): string | undefined {
    const cached = this.#cached(name);
    if (cached !== undefined) return cached.versions.join();
    return this.#findPath(name)
      ?.entries.map(({ version }) => version)
      .join();
  }

  #cached(name: string): CachedLookup | undefined {
    const lookup = this.#lookups.get(name);
    if (lookup === undefined) return undefined;
    const { entries, versions } = lookup;
    if (entries.some(({ version }, i) => version !== versions[i])) {
      this.#lookups.delete(name);
      return undefined;
    }
    return this.#hasFrozen(entries) ? undefined : lookup;
  }

  #hasFrozen(entries: readonly NameEntry[]): boolean {
    return entries.some((entry) => this.#deps.guarantees.isFrozen(entry));
  }

  #build(name: string): CachedLookup | undefined {
    const found = this.#findPath(name);
    if (found === undefined) return undefined;
    const lookup = this.#render(name, found);
    const { record, entries } = found;
    // Two kinds of lookups are not cached. The lookup of a directory without an entry depends on the names below the
    // directory. The guarantee of a frozen entry shrinks with time.
    if (record !== undefined && !this.#hasFrozen(entries))
      this.#lookups.set(
        name,
        lookup,
        bytesPerCharacter * (name.length + lookup.head.length + lookup.tail.length) + entryBytes,
      );
    return lookup;
  }

  #findPath(name: string): LookupPath | undefined {
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
    return { canonical, record, path, entries };
  }

  #render(name: string, { canonical, record, path, entries }: LookupPath): CachedLookup {
    const kind = record?.kind === 'service' || record?.kind === 'group' ? record.kind : 'directory';
    const guaranteedMs = path.reduce((least, step) => Math.min(least, step.guaranteedMs), Infinity);
    // A client must not use a frozen entry after the end of its guarantee, so the guarantee bounds the TTL.
    const ttlMs = this.#hasFrozen(entries) ? Math.min(guaranteedMs, limits.lookupTtlMs) : limits.lookupTtlMs;
    const { incarnation } = this.#deps.position;
    return {
      head: `${JSON.stringify({ name, canonical, kind, path }).slice(0, -1)},`,
      tail: `","incarnation":"${incarnation}","guaranteedMs":${guaranteedMs},"ttlMs":${ttlMs}}`,
      canonical,
      entries,
      versions: entries.map(({ version }) => version),
    };
  }

  #serviceOf(canonical: string): CachedService {
    const { state, loadReports, clock } = this.#deps;
    const entry = state.entries.get(canonical);
    const cached = this.#services.get(canonical);
    if (cached !== undefined && cached.entry === entry && cached.version === entry?.version) {
      const isLoadCurrent =
        loadReports.versionOf(entry) === cached.loadVersion || clock.now() - cached.builtAt < loadRefreshMs;
      if (isLoadCurrent) return cached;
    }
    const service = this.#renderService(canonical, entry);
    // The service and the response for its canonical name.
    if (entry !== undefined)
      this.#services.set(canonical, service, 2 * bytesPerCharacter * service.json.length + entryBytes);
    return service;
  }

  #renderService(canonical: string, entry: NameEntry | undefined): CachedService {
    const { state, loadReports, isStartable, clock } = this.#deps;
    const record = entry?.record.kind === 'service' ? entry.record : undefined;
    const health = visibleHealth(entry?.service);
    const endpoints: string[] = [];
    const starting: string[] = [];
    for (const registration of state.endpoints(canonical)) {
      const list = isStarting(registration.json) ? starting : endpoints;
      list.push(withLoad(visibleEndpointJson(registration, health), loadReports.loadOf(registration)));
    }
    const start = JSON.stringify({
      policy: record?.policy ?? null,
      timeoutMs: record?.timeoutMs,
      attemptTimeoutMs: record?.attemptTimeoutMs,
      retries: record?.retries,
      launchable: record?.launch ? isStartable(record.launch.manifest) : false,
      ...(health.healthQueried.length > 0 && { healthQueried: health.healthQueried }),
    });
    const startingJson = starting.length > 0 ? `,"starting":[${starting.join(',')}]` : '';
    return {
      json: `${start.slice(1, -1)},"endpoints":[${endpoints.join(',')}]${startingJson},"revision":"`,
      entry,
      version: entry?.version,
      loadVersion: loadReports.versionOf(entry),
      builtAt: clock.now(),
      response: '',
      lookup: undefined,
      revision: -1,
    };
  }
}
