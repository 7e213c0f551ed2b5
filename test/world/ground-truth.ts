import type { EndpointInit } from 'binding-clerk';
import type { Resolution } from 'binding-clerk/extend';

/** Links that lead to each other end after so many. */
const maxLinks = 16;

/** The state of a name from one instant to the next change. */
interface NamePeriod {
  readonly from: number;
  until: number;
  /** Target of a link. */
  readonly target?: string;
  /** Undefined for an absent name and for a link. */
  readonly endpoints: ReadonlyMap<string, EndpointInit> | undefined;
  readonly revision: number;
  /** Until then, clients keep the endpoints that the registry has lost. */
  readonly keptUntil: number;
}

/** The actual contents of the registry at every instant, which results are compared with. */
export class GroundTruth {
  readonly #periods = new Map<string, NamePeriod[]>();
  readonly #watchers = new Set<(name: string) => void>();
  #revision = 0;

  constructor(readonly now: () => number) {}

  get names(): string[] {
    return [...this.#periods.keys()];
  }

  /** The present endpoints of a name, for a link those of its target; undefined when it does not exist. */
  endpoints(name: string): ReadonlyMap<string, EndpointInit> | undefined {
    let last = this.#periods.get(name)?.at(-1);
    for (let links = 0; links < maxLinks && last?.target !== undefined; links++)
      last = this.#periods.get(last.target)?.at(-1);
    return last?.endpoints;
  }

  /** Whether a name was a link to another one at any time in an interval. */
  wasLink(name: string, from: number, to: number): boolean {
    return (this.#periods.get(name) ?? []).some(
      (period) => period.target !== undefined && period.from <= to && period.until >= from,
    );
  }

  /** @param keptUntil - set when the registry has lost endpoints: until then, clients keep them */
  set(name: string, endpoints: ReadonlyMap<string, EndpointInit> | undefined, keptUntil = 0): void {
    this.#startPeriod(name, { from: this.now(), endpoints, keptUntil });
  }

  /** Makes the name a link to another one. */
  link(name: string, target: string): void {
    this.#startPeriod(name, { from: this.now(), target, endpoints: undefined, keptUntil: 0 });
  }

  #startPeriod(name: string, period: Omit<NamePeriod, 'revision' | 'until'>): void {
    const periods = this.#periods.get(name) ?? [];
    const last = periods.at(-1);
    if (last !== undefined) last.until = this.now();
    const isStillEmpty = (last?.endpoints?.size ?? 0) === 0 && last?.target === undefined;
    const keptUntil = Math.max(period.keptUntil, isStillEmpty ? (last?.keptUntil ?? 0) : 0);
    periods.push({ ...period, until: Infinity, revision: ++this.#revision, keptUntil });
    this.#periods.set(name, periods);
    for (const watcher of this.#watchers) watcher(name);
  }

  add(name: string, endpoint: EndpointInit): void {
    this.set(name, new Map([...(this.endpoints(name) ?? []), [endpoint.id as string, endpoint]]));
  }

  remove(name: string, id: string): void {
    const left = new Map(this.endpoints(name));
    if (left.delete(id)) this.set(name, left);
  }

  onChange(watcher: (name: string) => void): () => void {
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  /**
   * The correct resolution at this instant.
   *
   * @param usesGuarantee - whether the lifetime is given as `guaranteedMs`, with a longer `ttlMs`
   */
  resolution(name: string, ttlMs: number | undefined, usesGuarantee: boolean): Resolution {
    const period = this.#periods.get(name)?.at(-1);
    const revision = String(period?.revision ?? 0);
    const times =
      ttlMs === undefined ? {} : usesGuarantee ? { ttlMs: 3_600_000, guaranteedMs: ttlMs } : { ttlMs };
    if (period?.target !== undefined) return { kind: 'link', target: period.target, ...times };
    if (period?.endpoints === undefined) return { kind: 'absent', revision, incarnation: 'i' };
    return { kind: 'bound', endpoints: [...period.endpoints.values()], revision, incarnation: 'i', ...times };
  }

  /** Revision of the last change of a name; 0 before the first. */
  revision(name: string): number {
    return this.#periods.get(name)?.at(-1)?.revision ?? 0;
  }

  /** An outdated resolution: no endpoints, with the first revision of the name. */
  outdatedResolution(
    name: string,
  ): { readonly revision: number; readonly resolution: Resolution } | undefined {
    const first = this.#periods.get(name)?.[0];
    // Clients keep revisions by requested name, so they cannot detect it through a link.
    const linked = [...this.#periods.values()].some(([period]) => period?.target !== undefined);
    if (first === undefined || linked) return undefined;
    const { revision } = first;
    const resolution: Resolution = {
      kind: 'bound',
      endpoints: [],
      revision: String(revision),
      incarnation: 'i',
      ttlMs: 60_000,
    };
    return { revision, resolution };
  }

  /** Whether an instance was registered at any time in an interval. */
  wasListed(name: string, id: string, from: number, to: number): boolean {
    return this.#during(name, from, to).some(({ endpoints }) => endpoints?.has(id) === true);
  }

  /** Whether a name had no endpoint in the registry at any time in an interval. */
  wasEmpty(name: string, from: number, to: number): boolean {
    return this.#during(name, from, to).some(({ endpoints }) => (endpoints?.size ?? 0) === 0);
  }

  /** Like `wasEmpty`, for a client that had endpoints: it keeps those that the registry has lost for a while. */
  wasEmptyForClients(name: string, from: number, to: number): boolean {
    return this.#during(name, from, to).some(
      ({ endpoints, until, keptUntil }) => (endpoints?.size ?? 0) === 0 && Math.min(to, until) >= keptUntil,
    );
  }

  /**
   * The periods of an interval; for a link, those of its targets.
   *
   * @param followed - names on the way to it. After a move back, each of two names was a link to the other one
   */
  #during(name: string, from: number, to: number, followed: readonly string[] = []): NamePeriod[] {
    const periods = this.#periods.get(name) ?? [];
    return periods.flatMap((period) => {
      if (period.from > to || period.until < from) return [];
      const { target } = period;
      if (target === undefined) return [period];
      return followed.includes(target) ? [] : this.#during(target, from, to, [...followed, name]);
    });
  }
}
