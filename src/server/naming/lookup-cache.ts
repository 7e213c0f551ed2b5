import type { Clock } from '../../core/clock.js';
import { isClerkError } from '../../core/errors.js';
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
import { resolveLinks, type LinkPath } from './state/resolve-links.js';

/** Maximum number of cached lookups in each of the two generations. */
const maxPerGeneration = 16_384;

/** Incarnation and revision of the state that is saved in the store. */
export interface StatePosition {
  readonly incarnation: string;
  readonly revision: number;
}

interface CachedLookup {
  /** JSON text of the response before the value of the revision; `tail` is the JSON text after that value. */
  readonly head: string;
  readonly tail: string;
  /** Entries that the lookup shows; `versions` are the versions of these entries when the lookup was built. */
  readonly entries: readonly NameEntry[];
  readonly versions: readonly number[];
  /** Entry of the service whose loads the lookup shows; `loadVersion` is the version of these loads. */
  readonly serviceEntry: NameEntry | undefined;
  readonly loadVersion: number;
  readonly builtAt: number;
  revision: number;
  json: string;
}

/**
 * Cache of lookup responses as JSON. A response is built again when an entry that the response shows has changed. When
 * only loads have changed, a response is built again at most every 2 s. Reading a response restarts the guarantee of
 * every entry on its path.
 *
 * Only responses for existing names are cached, in two generations. When the recent generation is full, it replaces the
 * previous generation.
 */
export class LookupCache {
  #recent = new Map<string, CachedLookup>();
  #previous = new Map<string, CachedLookup>();
  readonly #state: NamingState;
  readonly #guarantees: Guarantees;
  readonly #position: StatePosition;
  readonly #loadReports: LoadReports;
  readonly #clock: Clock;
  readonly #isStartable: (manifest: string) => boolean;

  constructor(
    state: NamingState,
    guarantees: Guarantees,
    position: StatePosition,
    loadReports: LoadReports,
    clock: Clock,
    isStartable: (manifest: string) => boolean,
  ) {
    this.#state = state;
    this.#guarantees = guarantees;
    this.#position = position;
    this.#loadReports = loadReports;
    this.#clock = clock;
    this.#isStartable = isStartable;
  }

  /** Returns the `ResolveResponse` for a name as JSON; undefined when the name does not exist. */
  json(name: string): string | undefined {
    const lookup = this.#cached(name) ?? this.#build(name);
    if (lookup === undefined) return undefined;
    const now = this.#clock.now();
    for (const entry of lookup.entries) this.#guarantees.recordServed(entry, now);
    const { revision } = this.#position;
    if (lookup.revision !== revision) {
      lookup.revision = revision;
      lookup.json = `${lookup.head}${revision}${lookup.tail}`;
    }
    return lookup.json;
  }

  /**
   * Returns a string that changes whenever an entry or endpoint that the lookup shows has changed. A new load or a new
   * revision does not change the string. Returns undefined when the name does not exist. Restarts no guarantee, unlike
   * `json`.
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
    let isOutdated =
      serviceEntry !== undefined &&
      this.#loadReports.versionOf(serviceEntry) !== loadVersion &&
      this.#clock.now() - builtAt >= loadRefreshMs;
    for (let i = 0; i < entries.length; i++) if (entries[i]?.version !== versions[i]) isOutdated = true;
    if (isOutdated) {
      this.#recent.delete(name);
      this.#previous.delete(name);
      return undefined;
    }
    return entries.some((entry) => this.#guarantees.isFrozen(entry)) ? undefined : lookup;
  }

  #store(name: string, lookup: CachedLookup): void {
    if (this.#recent.size >= maxPerGeneration) {
      this.#previous = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(name, lookup);
  }

  #build(name: string): CachedLookup | undefined {
    const found = isName(name) ? this.#resolveLinks(name) : undefined;
    if (found === undefined) return undefined;
    const { canonical, hops } = found;
    const entries: NameEntry[] = [];
    const path: ResolutionStep[] = [];
    const addStep = (stepName: string, entryName: string): void => {
      const entry = this.#state.entries.get(entryName);
      if (entry === undefined) return;
      // An entry can be on the path twice: for a directory identifier, and at the end of the path. `entries` contains
      // the entry once.
      if (!entries.includes(entry)) entries.push(entry);
      path.push({
        name: stepName,
        kind: entry.record.kind,
        guaranteedMs: this.#guarantees.guaranteedMs(entry),
      });
    };
    for (const hop of hops) addStep(hop.name, hop.entryName);
    const record = this.#state.entry(canonical);
    if (record !== undefined) addStep(canonical, canonical);
    else if (hasDescendants(this.#state, canonical))
      path.push({ name: canonical, kind: 'directory', guaranteedMs: 0 });
    else return undefined;
    const lookup = this.#render(name, canonical, record, path, entries);
    // The lookup of a directory without an entry is not cached, because the lookup depends on the names below the
    // directory. A lookup that shows a frozen entry is not cached, because the guarantee of the entry shrinks with
    // time.
    const isCacheable = record !== undefined && !entries.some((entry) => this.#guarantees.isFrozen(entry));
    if (isCacheable) this.#store(name, lookup);
    return lookup;
  }

  #resolveLinks(name: string): LinkPath | undefined {
    try {
      return resolveLinks(this.#state, name);
    } catch (error) {
      if (isClerkError(error)) return undefined;
      throw error;
    }
  }

  #render(
    name: string,
    canonical: string,
    record: EntryRecord | undefined,
    path: readonly ResolutionStep[],
    entries: readonly NameEntry[],
  ): CachedLookup {
    const service = record?.kind === 'service' ? record : undefined;
    const serviceEntry = this.#state.entries.get(canonical);
    const endpoints: string[] = [];
    const health = visibleHealth(serviceEntry?.service);
    for (const registration of this.#state.endpoints(canonical))
      endpoints.push(
        withLoad(visibleEndpointJson(registration, health), this.#loadReports.loadOf(registration)),
      );
    const start = JSON.stringify({
      name,
      canonical,
      kind: service === undefined ? 'directory' : 'service',
      path,
      policy: service?.policy ?? null,
      ...(service?.timeoutMs !== undefined && { timeoutMs: service.timeoutMs }),
      launchable: service?.launch ? this.#isStartable(service.launch.manifest) : false,
      ...(health.healthQueried.length > 0 && { healthQueried: health.healthQueried }),
    });
    const guaranteedMs = path.reduce((least, step) => Math.min(least, step.guaranteedMs), Infinity);
    // If an entry is frozen, the TTL is at most the remaining guarantee, because a client must not use the entry
    // longer. Otherwise the TTL is only a hint.
    const isFrozen = entries.some((entry) => this.#guarantees.isFrozen(entry));
    const ttlMs = isFrozen ? Math.min(guaranteedMs, limits.lookupTtlMs) : limits.lookupTtlMs;
    return {
      head: `${start.slice(0, -1)},"endpoints":[${endpoints.join(',')}],"revision":"`,
      tail: `","incarnation":"${this.#position.incarnation}","guaranteedMs":${guaranteedMs},"ttlMs":${ttlMs}}`,
      entries,
      versions: entries.map(({ version }) => version),
      serviceEntry,
      loadVersion: this.#loadReports.versionOf(serviceEntry),
      builtAt: this.#clock.now(),
      revision: -1,
      json: '',
    };
  }
}
