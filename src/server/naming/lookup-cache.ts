/**
 * What look-ups answer, as text: made once for each change, not for each question, and for loads that are new every
 * other second at most. Every answer counts as a promise given for each arc it passed. Only names that exist are
 * remembered; the least recently asked are forgotten first.
 */
import type { Clock } from '../../core/clock.js';
import { isClerkError } from '../../core/errors.js';
import { isName } from '../../core/name.js';
import type { ResolutionStep } from '../../core/registry.js';
import { limits } from '../../protocol/limits.js';
import type { NameEntry } from './state/name-entry.js';
import { loadRefreshMs, withLoad, type LoadReports } from './load-reports.js';
import type { Guarantees } from './guarantees.js';
import type { EntryRecord } from './state/records.js';
import { visibleHealth, visibleEndpointJson } from './health/visible-health.js';
import type { NamingState } from './state/naming-state.js';
import { hasDescendants } from './state/naming-view.js';
import { resolveLinks, type LinkPath } from './state/resolve-links.js';

/** Answers remembered in each of two generations. */
const maxPerGeneration = 16_384;

/** Where the durable state stands. */
export interface StatePosition {
  readonly incarnation: string;
  readonly revision: number;
}

interface CachedLookup {
  /** Everything before the revision, and behind it. */
  readonly head: string;
  readonly tail: string;
  /** What it was made of, with the versions they had. */
  readonly entries: readonly NameEntry[];
  readonly versions: readonly number[];
  /** Whose loads it shows, as of how many reports, and when it was made. */
  readonly serviceEntry: NameEntry | undefined;
  readonly loadVersion: number;
  readonly builtAt: number;
  revision: number;
  json: string;
}

/** Answers to look-ups. */
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

  /** A `ResolveReply` as JSON; undefined when there is no such name. */
  json(name: string): string | undefined {
    const answer = this.#cached(name) ?? this.#build(name);
    if (answer === undefined) return undefined;
    const now = this.#clock.now();
    for (const place of answer.entries) this.#guarantees.recordServed(place, now);
    const { revision } = this.#position;
    if (answer.revision !== revision) {
      answer.revision = revision;
      answer.json = `${answer.head}${revision}${answer.tail}`;
    }
    return answer.json;
  }

  /** Differs whenever the answer does, revision aside; undefined when there is no such name. Promises nothing. */
  fingerprint(name: string): string | undefined {
    const answer = this.#cached(name) ?? this.#build(name);
    return answer === undefined ? undefined : answer.versions.join();
  }

  #cached(name: string): CachedLookup | undefined {
    let answer = this.#recent.get(name);
    if (answer === undefined) {
      answer = this.#previous.get(name);
      if (answer === undefined) return undefined;
      this.#store(name, answer);
    }
    const { entries, versions, serviceEntry, loadVersion, builtAt } = answer;
    let isOld =
      serviceEntry !== undefined &&
      this.#loadReports.versionOf(serviceEntry) !== loadVersion &&
      this.#clock.now() - builtAt >= loadRefreshMs;
    for (let i = 0; i < entries.length; i++) if (entries[i]?.version !== versions[i]) isOld = true;
    if (isOld) {
      this.#recent.delete(name);
      this.#previous.delete(name);
      return undefined;
    }
    return entries.some((place) => this.#guarantees.isFrozen(place)) ? undefined : answer;
  }

  #store(name: string, answer: CachedLookup): void {
    if (this.#recent.size >= maxPerGeneration) {
      this.#previous = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(name, answer);
  }

  #build(name: string): CachedLookup | undefined {
    const found = isName(name) ? this.#resolveLinks(name) : undefined;
    if (found === undefined) return undefined;
    const { canonical, hops } = found;
    const places: NameEntry[] = [];
    const trail: ResolutionStep[] = [];
    const pass = (shown: string, at: string): void => {
      const place = this.#state.entries.get(at);
      if (place === undefined) return;
      // A directory identifier may lead to the same entry that the walk ends at.
      if (!places.includes(place)) places.push(place);
      trail.push({
        name: shown,
        kind: place.record.kind,
        guaranteedMs: this.#guarantees.guaranteedMs(place),
      });
    };
    for (const { name: shown, entryName } of hops) pass(shown, entryName);
    const entry = this.#state.entry(canonical);
    if (entry !== undefined) pass(canonical, canonical);
    else if (hasDescendants(this.#state, canonical))
      trail.push({ name: canonical, kind: 'directory', guaranteedMs: 0 });
    else return undefined;
    const answer = this.#render(name, canonical, entry, trail, places);
    // A directory that is nobody's entry comes and goes with what is below it; what is frozen is promised for less
    // every time.
    const lasts = entry !== undefined && !places.some((place) => this.#guarantees.isFrozen(place));
    if (lasts) this.#store(name, answer);
    return answer;
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
    entry: EntryRecord | undefined,
    trail: readonly ResolutionStep[],
    places: readonly NameEntry[],
  ): CachedLookup {
    const service = entry?.kind === 'service' ? entry : undefined;
    const endpoints: string[] = [];
    const marked = visibleHealth(this.#state.entries.get(canonical)?.service);
    for (const registration of this.#state.endpoints(canonical))
      endpoints.push(
        withLoad(visibleEndpointJson(registration, marked), this.#loadReports.loadOf(registration)),
      );
    const place = this.#state.entries.get(canonical);
    const start = JSON.stringify({
      name,
      canonical,
      kind: service === undefined ? 'directory' : 'service',
      path: trail,
      policy: service?.policy ?? null,
      ...(service?.timeoutMs !== undefined && { timeoutMs: service.timeoutMs }),
      launchable: service?.launch ? this.#isStartable(service.launch.manifest) : false,
      ...(marked.healthQueried.length > 0 && { healthQueried: marked.healthQueried }),
    });
    const guaranteedMs = trail.reduce((least, arc) => Math.min(least, arc.guaranteedMs), Infinity);
    // What is about to change is used no longer than that; what is never promised is a hint like any other.
    const isFrozen = places.some((place) => this.#guarantees.isFrozen(place));
    const ttlMs = isFrozen ? Math.min(guaranteedMs, limits.lookupTtlMs) : limits.lookupTtlMs;
    return {
      head: `${start.slice(0, -1)},"endpoints":[${endpoints.join(',')}],"revision":"`,
      tail: `","incarnation":"${this.#position.incarnation}","guaranteedMs":${guaranteedMs},"ttlMs":${ttlMs}}`,
      entries: places,
      versions: places.map(({ version }) => version),
      serviceEntry: place,
      loadVersion: this.#loadReports.versionOf(place),
      builtAt: this.#clock.now(),
      revision: -1,
      json: '',
    };
  }
}
