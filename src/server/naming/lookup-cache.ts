import type { Clock } from '../../core/clock.js';
import { isName } from '../../core/name.js';
import type { ResolutionStep } from '../../core/registry.js';
import { limits } from '../../protocol/limits.js';
import type { ResolveResponse } from '../../protocol/lookup-messages.js';
import { GenerationCache } from './generation-cache.js';
import type { Guarantees } from './guarantees.js';
import { visibleEndpointJson, visibleHealth } from './health/visible-health.js';
import type { ScheduledChangeList } from './scheduled-change-list.js';
import { loadRefreshMs, withLoad, type LoadReports } from './load-reports.js';
import { maxAgeMs, type Freshness } from './shared/freshness.js';
import type { NameEntry } from './state/name-entry.js';
import type { NamingState } from './state/naming-state.js';
import { hasDescendants } from './state/naming-view.js';
import type { EntryRecord } from './state/records.js';
import { isStarting } from './state/record-codec.js';
import { tryResolveLinks } from './state/resolve-links.js';

/** Position of the state of a registry. `revision` is the revision after the last saved batch. */
export interface StatePosition {
  readonly incarnation: string;
  readonly revision: number;
  /** Returns the mark of a revision; empty for an unsaved revision. */
  markOf(revision: number): string;
  /** Returns incarnation, revision and mark, separated by colons. */
  textOf(revision: number): string;
}

/** The part of a response that depends on the requested name. The other part describes the service. */
interface CachedLookup {
  /** JSON of the response up to the service. */
  readonly head: string;
  /** JSON of the response after the value of `mark`, which follows `revision`. */
  readonly tail: string;
  readonly canonical: string;
  readonly entries: readonly NameEntry[];
  readonly versions: readonly number[];
  /** Whether there are names below a service; undefined if the entry is not a service. */
  readonly namesBelow: boolean | undefined;
  /** Version of all names at which `namesBelow` was determined. */
  namesVersion: number;
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
  /** The last response for the canonical name. `lookup` and `revision` are those of this response. */
  response: string;
  lookup: CachedLookup | undefined;
  revision: number;
}

/** Differs whenever the entries or the endpoints of a lookup have changed. */
export interface LookupFingerprint {
  readonly versions: string;
  readonly namesBelow: boolean | undefined;
}

interface LookupPath {
  readonly canonical: string;
  readonly record: EntryRecord | undefined;
  readonly path: readonly ResolutionStep[];
  readonly entries: readonly NameEntry[];
  readonly namesBelow: boolean | undefined;
}

/** Limits of one generation of the caches, in bytes. */
const maxLookupBytes = 16 * 1024 * 1024;
const maxServiceBytes = 32 * 1024 * 1024;
/** Maximum size of all cached responses, in bytes: two generations of two caches. */
export const maxCachedBytes = 2 * (maxLookupBytes + maxServiceBytes);
/** Estimated memory of a character and of a cached value without its text, in bytes. */
const bytesPerCharacter = 2;
const entryBytes = 512;

export interface LookupDependencies {
  readonly state: NamingState;
  readonly guarantees: Guarantees;
  readonly scheduled: Pick<ScheduledChangeList, 'of'>;
  readonly position: StatePosition;
  readonly loadReports: LoadReports;
  readonly clock: Clock;
  readonly isStartable: (manifest: string) => boolean;
  /** Undefined in a registry with one server. */
  readonly freshness?: Freshness | undefined;
}

/**
 * Cache of lookup responses as JSON, for existing names only. A response is built again when an entry on its path has
 * changed. When only loads have changed, it is built again at most every 2 s. Each use restarts the guarantees of all
 * entries on the path.
 *
 * All names of a service share the JSON of its endpoints, so a link to a large service needs little memory. The
 * maximum size of the cache is 96 MiB.
 */
export class LookupCache {
  readonly #lookups = new GenerationCache<CachedLookup>({ maxEntries: 16_384, maxBytes: maxLookupBytes });
  readonly #services = new GenerationCache<CachedService>({ maxEntries: 16_384, maxBytes: maxServiceBytes });
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
    // A response for a link is not cached, because it would contain a copy of the JSON of the service.
    if (name === lookup.canonical) {
      service.response = response;
      service.lookup = lookup;
      service.revision = revision;
    }
    return response;
  }

  /** Must be called after a change of the incarnation, which is part of each response. */
  clear(): void {
    this.#lookups.clear();
    this.#services.clear();
  }

  /**
   * Returns a value that changes with the entries and endpoints of a lookup, and ignores loads and revisions. Returns
   * undefined for an unknown name. Does not restart guarantees.
   */
  fingerprint(name: string): LookupFingerprint | undefined {
    const found = this.#cached(name) ?? this.#findPath(name);
    if (found === undefined) return undefined;
    const { entries, namesBelow } = found;
    return { versions: entries.map(({ version }) => version).join(), namesBelow };
  }

  #cached(name: string): CachedLookup | undefined {
    const lookup = this.#lookups.get(name);
    if (lookup === undefined) return undefined;
    const { entries, versions } = lookup;
    if (entries.some(({ version }, i) => version !== versions[i]) || !this.#isNamesBelowCurrent(lookup)) {
      this.#lookups.delete(name);
      return undefined;
    }
    return this.#deps.guarantees.isSuspended || this.#hasFrozen(entries) ? undefined : lookup;
  }

  #isNamesBelowCurrent(lookup: CachedLookup): boolean {
    const { state } = this.#deps;
    const { version } = state.names;
    if (lookup.namesVersion === version || lookup.namesBelow === undefined) return true;
    if (lookup.namesBelow !== hasDescendants(state, lookup.canonical)) return false;
    lookup.namesVersion = version;
    return true;
  }

  #hasFrozen(entries: readonly NameEntry[]): boolean {
    return entries.some((entry) => this.#deps.guarantees.isFrozen(entry));
  }

  #build(name: string): CachedLookup | undefined {
    const found = this.#findPath(name);
    if (found === undefined) return undefined;
    const lookup = this.#render(name, found);
    const { record, entries } = found;
    // Two kinds of lookups are not cached. A name without an entry is a directory only while there are names below it.
    // The guarantee of a frozen entry shrinks with time.
    if (record !== undefined && !this.#deps.guarantees.isSuspended && !this.#hasFrozen(entries))
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
    const namesBelow = record?.kind === 'service' ? hasDescendants(state, canonical) : undefined;
    return { canonical, record, path, entries, namesBelow };
  }

  #render(name: string, { canonical, record, path, entries, namesBelow }: LookupPath): CachedLookup {
    const kind = record?.kind === 'service' || record?.kind === 'group' ? record.kind : 'directory';
    const guaranteedMs = path.reduce((least, step) => Math.min(least, step.guaranteedMs), Infinity);
    // A client must not use a frozen entry after the end of its guarantee, so the guarantee bounds the TTL.
    const { freshness, position } = this.#deps;
    // The maximum age of the state is subtracted from the TTL.
    const fullTtlMs = limits.lookupTtlMs - (freshness === undefined ? 0 : maxAgeMs);
    const ttlMs = this.#hasFrozen(entries) ? Math.min(guaranteedMs, fullTtlMs) : fullTtlMs;
    const { incarnation } = position;
    const age = freshness === undefined ? '' : ageJson(freshness);
    return {
      head: `${JSON.stringify({ name, canonical, kind, path, namesBelow, ...this.#scheduledOf(entries) }).slice(0, -1)},`,
      tail: `","incarnation":"${incarnation}","guaranteedMs":${guaranteedMs},"ttlMs":${ttlMs}${age}}`,
      canonical,
      entries,
      versions: entries.map(({ version }) => version),
      namesBelow,
      namesVersion: this.#deps.state.names.version,
    };
  }

  #scheduledOf(entries: readonly NameEntry[]): Pick<ResolveResponse, 'scheduled'> {
    const scheduled = entries.flatMap(({ name }) => this.#deps.scheduled.of(name) ?? []);
    return scheduled.length === 0 ? {} : { scheduled };
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
    // The size counts the JSON twice: for the service, and for the response for its canonical name.
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

/** Returns the field `ageMs` as JSON. For a current state it is the maximum age, because the response is cached. */
function ageJson({ isCurrent, ageMs }: Freshness): string {
  if (isCurrent) return `,"ageMs":${maxAgeMs}`;
  return Number.isFinite(ageMs) ? `,"ageMs":${Math.ceil(ageMs)},"stale":true` : ',"stale":true';
}
