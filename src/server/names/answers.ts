/**
 * What look-ups answer, as text: made once for each change, not for each question, and for loads that are new every
 * other second at most. Every answer counts as a promise given for each arc it passed. Only names that exist are
 * remembered; the least recently asked are forgotten first.
 */
import type { Clock } from '../../core/clock.js';
import { isClerkError } from '../../core/errors.js';
import { isName } from '../../core/name.js';
import type { Arc } from '../../core/registry.js';
import { limits } from '../../wire/limits.js';
import type { Place } from './place.js';
import { shownMs, withLoad, type Loads } from './loads.js';
import type { Promises } from './promises.js';
import type { EntryRecord } from './records.js';
import { markedOf, shownNow } from './standing.js';
import type { Tables } from './tables.js';
import { hasBelow } from './view.js';
import { walk, type Walk } from './walk.js';

/** Answers remembered in each of two generations. */
const generation = 16_384;

/** Where the durable state stands. */
export interface Position {
  readonly incarnation: string;
  readonly revision: number;
}

interface Answer {
  /** Everything before the revision, and behind it. */
  readonly head: string;
  readonly tail: string;
  /** What it was made of, with the versions they had. */
  readonly places: readonly Place[];
  readonly versions: readonly number[];
  /** Whose loads it shows, as of how many reports, and when it was made. */
  readonly service: Place | undefined;
  readonly reports: number;
  readonly madeAt: number;
  revision: number;
  text: string;
}

/** Answers to look-ups. */
export class Answers {
  #young = new Map<string, Answer>();
  #old = new Map<string, Answer>();
  readonly #tables: Tables;
  readonly #promises: Promises;
  readonly #position: Position;
  readonly #loads: Loads;
  readonly #clock: Clock;
  readonly #startable: (manifest: string) => boolean;

  constructor(
    tables: Tables,
    promises: Promises,
    position: Position,
    loads: Loads,
    clock: Clock,
    startable: (manifest: string) => boolean,
  ) {
    this.#tables = tables;
    this.#promises = promises;
    this.#position = position;
    this.#loads = loads;
    this.#clock = clock;
    this.#startable = startable;
  }

  /** A `ResolveReply` as JSON; undefined when there is no such name. */
  text(name: string): string | undefined {
    const answer = this.#known(name) ?? this.#make(name);
    if (answer === undefined) return undefined;
    const now = this.#clock.now();
    for (const place of answer.places) this.#promises.give(place, now);
    const { revision } = this.#position;
    if (answer.revision !== revision) {
      answer.revision = revision;
      answer.text = `${answer.head}${revision}${answer.tail}`;
    }
    return answer.text;
  }

  /** Differs whenever the answer does, revision aside; undefined when there is no such name. Promises nothing. */
  stamp(name: string): string | undefined {
    const answer = this.#known(name) ?? this.#make(name);
    return answer === undefined ? undefined : answer.versions.join();
  }

  #known(name: string): Answer | undefined {
    let answer = this.#young.get(name);
    if (answer === undefined) {
      answer = this.#old.get(name);
      if (answer === undefined) return undefined;
      this.#remember(name, answer);
    }
    const { places, versions, service, reports, madeAt } = answer;
    let isOld =
      service !== undefined &&
      this.#loads.count(service) !== reports &&
      this.#clock.now() - madeAt >= shownMs;
    for (let i = 0; i < places.length; i++) if (places[i]?.version !== versions[i]) isOld = true;
    if (isOld) {
      this.#young.delete(name);
      this.#old.delete(name);
      return undefined;
    }
    return places.some((place) => this.#promises.isFrozen(place)) ? undefined : answer;
  }

  #remember(name: string, answer: Answer): void {
    if (this.#young.size >= generation) {
      this.#old = this.#young;
      this.#young = new Map();
    }
    this.#young.set(name, answer);
  }

  #make(name: string): Answer | undefined {
    const found = isName(name) ? this.#walk(name) : undefined;
    if (found === undefined) return undefined;
    const { canonical, passed } = found;
    const places: Place[] = [];
    const trail: Arc[] = [];
    const pass = (shown: string, at: string): void => {
      const place = this.#tables.places.get(at);
      if (place === undefined) return;
      // A directory identifier may lead to the same entry that the walk ends at.
      if (!places.includes(place)) places.push(place);
      trail.push({ name: shown, kind: place.record.kind, promiseMs: this.#promises.promised(place) });
    };
    for (const { name: shown, at } of passed) pass(shown, at);
    const entry = this.#tables.entry(canonical);
    if (entry !== undefined) pass(canonical, canonical);
    else if (hasBelow(this.#tables, canonical))
      trail.push({ name: canonical, kind: 'directory', promiseMs: 0 });
    else return undefined;
    const answer = this.#render(name, canonical, entry, trail, places);
    // A directory that is nobody's entry comes and goes with what is below it; what is frozen is promised for less
    // every time.
    const lasts = entry !== undefined && !places.some((place) => this.#promises.isFrozen(place));
    if (lasts) this.#remember(name, answer);
    return answer;
  }

  #walk(name: string): Walk | undefined {
    try {
      return walk(this.#tables, name);
    } catch (error) {
      if (isClerkError(error)) return undefined;
      throw error;
    }
  }

  #render(
    name: string,
    canonical: string,
    entry: EntryRecord | undefined,
    trail: readonly Arc[],
    places: readonly Place[],
  ): Answer {
    const service = entry?.kind === 'service' ? entry : undefined;
    const endpoints: string[] = [];
    const marked = markedOf(this.#tables.places.get(canonical)?.service);
    for (const registration of this.#tables.endpoints(canonical))
      endpoints.push(withLoad(shownNow(registration, marked), this.#loads.of(registration)));
    const place = this.#tables.places.get(canonical);
    const start = JSON.stringify({
      name,
      canonical,
      kind: service === undefined ? 'directory' : 'service',
      trail,
      policy: service?.policy ?? null,
      ...(service?.timeoutMs !== undefined && { timeoutMs: service.timeoutMs }),
      launchable: service?.launch ? this.#startable(service.launch.manifest) : false,
      ...(marked.doubted.length > 0 && { doubted: marked.doubted }),
    });
    const promiseMs = trail.reduce((least, arc) => Math.min(least, arc.promiseMs), Infinity);
    // What is about to change is used no longer than that; what is never promised is a hint like any other.
    const isFrozen = places.some((place) => this.#promises.isFrozen(place));
    const ttlMs = isFrozen ? Math.min(promiseMs, limits.answerTtlMs) : limits.answerTtlMs;
    return {
      head: `${start.slice(0, -1)},"endpoints":[${endpoints.join(',')}],"revision":"`,
      tail: `","incarnation":"${this.#position.incarnation}","promiseMs":${promiseMs},"ttlMs":${ttlMs}}`,
      places,
      versions: places.map(({ version }) => version),
      service: place,
      reports: this.#loads.count(place),
      madeAt: this.#clock.now(),
      revision: -1,
      text: '',
    };
  }
}
