/** What a clerk knows of endpoints from its own calls and probes, in the words in which registries are told. */
import type { Endpoint } from './core/endpoint.js';
import type { Opinion } from './core/registry.js';

/** What is read of a member of an endpoint table. */
export interface Known {
  readonly endpoint: Endpoint;
  /** When it was set aside, or began to refuse; 0 while it is well. */
  readonly troubledAt: number;
  /** How late the newest hard evidence is. */
  readonly failedAt: number;
  /** When a call or a probe last found it unreachable. */
  readonly missedAt: number;
  /** When anything was last heard of it. */
  readonly heardAt: number;
}

/** An answer that is older says nothing of now, in ms. */
const heardMs = 10_000;
/** Probes are at most some 7 s apart while calls arrive: where none was missed for so long, nobody calls; in ms. */
const missedMs = 15_000;

/** What is known lately of those members of a service that somebody wants to know of. */
export function testimonyOf(
  members: readonly Known[],
  ids: ReadonlyMap<string, unknown>,
  name: string,
  now: number,
): readonly Opinion[] {
  const opinions: Opinion[] = [];
  for (const member of members) {
    const { id, epoch } = member.endpoint;
    const verdict = ids.has(id) ? verdictOf(member, now) : undefined;
    if (verdict !== undefined) opinions.push({ name, id, epoch, verdict });
  }
  return opinions;
}

/** What is known of one; undefined where nothing lately, or only that it answers badly. */
export function verdictOf(
  { troubledAt, failedAt, missedAt, heardAt }: Omit<Known, 'endpoint'>,
  now: number,
): Opinion['verdict'] | undefined {
  if (troubledAt !== 0) return failedAt > heardAt && now - missedAt <= missedMs ? 'unreachable' : undefined;
  return heardAt !== 0 && now - heardAt <= heardMs ? 'reachable' : undefined;
}

/** Instance ids of those that a registry marks now and did not before. */
export function newlyMarked(
  before: readonly Endpoint[] | undefined,
  after: readonly Endpoint[],
): readonly string[] {
  const marked = after.filter(({ state }) => state === 'suspect').map(({ id }) => id);
  if (marked.length === 0) return marked;
  const known = new Set((before ?? []).filter(({ state }) => state === 'suspect').map(({ id }) => id));
  return marked.filter((id) => !known.has(id));
}
