/** What the registry really says, at every instant: the truth that answers are measured by. */
import type { EndpointInit } from 'binding-clerk';
import type { Resolution } from 'binding-clerk/extend';

interface NamePeriod {
  readonly from: number;
  /** The name that this one stands for. */
  readonly target?: string;
  /** Undefined while the name does not exist, and for a link. */
  readonly endpoints: ReadonlyMap<string, EndpointInit> | undefined;
  readonly revision: number;
}

/** All names of a world. */
export class GroundTruth {
  readonly #periods = new Map<string, NamePeriod[]>();
  readonly #watchers = new Set<(name: string) => void>();
  #revision = 0;

  constructor(readonly now: () => number) {}

  get names(): string[] {
    return [...this.#periods.keys()];
  }

  /** What a name says now: its endpoints, or undefined when there is no such name. */
  endpoints(name: string): ReadonlyMap<string, EndpointInit> | undefined {
    return this.#periods.get(name)?.at(-1)?.endpoints;
  }

  set(name: string, endpoints: ReadonlyMap<string, EndpointInit> | undefined): void {
    this.#startPeriod(name, { from: this.now(), endpoints, revision: ++this.#revision });
  }

  /** From now on the name stands for another. */
  link(name: string, target: string): void {
    this.#startPeriod(name, { from: this.now(), target, endpoints: undefined, revision: ++this.#revision });
  }

  #startPeriod(name: string, period: NamePeriod): void {
    const periods = this.#periods.get(name) ?? [];
    periods.push(period);
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
   * The answer to a question that arrives now.
   *
   * @param promised - whether the time is written as a promise, and a longer one beside it
   */
  resolution(name: string, ttlMs: number | undefined, promised: boolean): Resolution {
    const era = this.#periods.get(name)?.at(-1);
    const revision = String(era?.revision ?? 0);
    const times = ttlMs === undefined ? {} : promised ? { ttlMs: 3_600_000, guaranteedMs: ttlMs } : { ttlMs };
    if (era?.target !== undefined) return { kind: 'link', target: era.target, ...times };
    if (era?.endpoints === undefined) return { kind: 'absent', revision, incarnation: 'i' };
    return { kind: 'bound', endpoints: [...era.endpoints.values()], revision, incarnation: 'i', ...times };
  }

  /** Number of the newest change of a name; 0 before the first. */
  revision(name: string): number {
    return this.#periods.get(name)?.at(-1)?.revision ?? 0;
  }

  /** An answer from the past: nobody there, with the revision that the name began with. */
  outdatedResolution(
    name: string,
  ): { readonly revision: number; readonly resolution: Resolution } | undefined {
    const first = this.#periods.get(name)?.[0];
    // Behind a link revisions are kept by the link's name, so who came by it cannot tell.
    const linked = [...this.#periods.values()].some(([era]) => era?.target !== undefined);
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

  /** Whether an instance was named at any time in an interval. */
  wasListed(name: string, id: string, from: number, to: number): boolean {
    return this.#during(name, from, to).some(({ endpoints }) => endpoints?.has(id) === true);
  }

  /** Whether nobody was named at any time in an interval. */
  wasEmpty(name: string, from: number, to: number): boolean {
    return this.#during(name, from, to).some(({ endpoints }) => (endpoints?.size ?? 0) === 0);
  }

  /** The eras of an interval; for a link those of whom it stood for. */
  #during(name: string, from: number, to: number): NamePeriod[] {
    const eras = this.#periods.get(name) ?? [];
    return eras.flatMap((era, i) => {
      const until = eras[i + 1]?.from ?? Infinity;
      if (era.from > to || until < from) return [];
      return era.target === undefined ? [era] : this.#during(era.target, from, to);
    });
  }
}
