/**
 * What is safe on the disk, read record by record and independently of the server: what look-ups must show, name by
 * name, now and at every earlier revision.
 */
import { fromStore, ownKeys, type EntryRecord } from '../../../src/server/names/records.js';
import type { RecordChange } from '../../../src/server/ports.js';

/** An endpoint on the disk. */
export interface StoredEndpoint {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  readonly addresses: readonly string[];
}

/** How a name looked from a revision on. */
interface Look {
  readonly revision: number;
  readonly look: string;
}

/** What one write changed. */
export interface Step {
  /** What was there, by name. */
  readonly entries: ReadonlyMap<string, EntryRecord | undefined>;
  readonly endpoints: readonly {
    readonly name: string;
    readonly id: string;
    readonly was: StoredEndpoint | undefined;
    readonly is: StoredEndpoint | undefined;
  }[];
}

/** A name that is not there. */
export const nothing = 'nothing';

export class Picture {
  readonly entries = new Map<string, EntryRecord>();
  readonly endpoints = new Map<string, Map<string, StoredEndpoint>>();
  revision = 0;
  incarnation = '';
  /** By name: resolved, and as it is. */
  readonly #resolved = new Map<string, Look[]>();
  readonly #own = new Map<string, Look[]>();

  /** @param names - those whose looks are kept */
  constructor(readonly names: readonly string[]) {}

  /** Takes one write over. */
  take(changes: readonly RecordChange[]): Step {
    const entries = new Map<string, EntryRecord | undefined>();
    const endpoints: Step['endpoints'][number][] = [];
    for (const { key, value } of changes) {
      const [kind = '', name = '', id = ''] = key.split(' ');
      if (key === ownKeys.revision) this.revision = Number(value);
      else if (key === ownKeys.incarnation) this.incarnation = value ?? '';
      else if (kind === 'e') {
        entries.set(name, this.entries.get(name));
        const change = value === undefined ? undefined : fromStore(key, value);
        if (change?.kind === 'entry' && change.record) this.entries.set(name, change.record);
        else this.entries.delete(name);
      } else if (kind === 'p') {
        const was = this.endpoints.get(name)?.get(id);
        const change = value === undefined ? undefined : fromStore(key, value);
        const is = change?.kind === 'endpoint' ? change.record : undefined;
        this.#put(name, id, is);
        endpoints.push({ name, id, was, is });
      }
    }
    this.#look();
    return { entries, endpoints };
  }

  /** The name behind all links; undefined when it leads nowhere. */
  canonical(name: string): string | undefined {
    let at = name;
    for (let links = 0; links <= 16; links++) {
      const entry = this.entries.get(at);
      if (entry?.kind !== 'link') return at;
      at = entry.target;
    }
    return undefined;
  }

  listed(name: string): readonly StoredEndpoint[] {
    return [...(this.endpoints.get(name)?.values() ?? [])];
  }

  /** A name as a look-up shows it now. */
  resolved(name: string): string {
    const canonical = this.canonical(name);
    return canonical === undefined ? nothing : this.#asIs(canonical);
  }

  /** The looks that a name had from a revision on, the one it had then first. */
  since(name: string, isPlain: boolean, revision: number): readonly string[] {
    const looks = (isPlain ? this.#resolved : this.#own).get(name) ?? [];
    const first = looks.findLastIndex((each) => each.revision <= revision);
    return [...(first < 0 ? [nothing] : []), ...looks.slice(Math.max(first, 0)).map(({ look }) => look)];
  }

  #put(name: string, id: string, endpoint: StoredEndpoint | undefined): void {
    const all = this.endpoints.get(name) ?? new Map<string, StoredEndpoint>();
    this.endpoints.set(name, all);
    if (endpoint === undefined) all.delete(id);
    else all.set(id, endpoint);
  }

  #look(): void {
    for (const name of this.names) {
      this.#keep(this.#resolved, name, this.resolved(name));
      this.#keep(this.#own, name, this.#asIs(name));
    }
  }

  #keep(kept: Map<string, Look[]>, name: string, look: string): void {
    const looks = kept.get(name) ?? [];
    kept.set(name, looks);
    if ((looks.at(-1)?.look ?? nothing) !== look) looks.push({ revision: this.revision, look });
  }

  #asIs(name: string): string {
    const entry = this.entries.get(name);
    if (entry === undefined) return nothing;
    if (entry.kind === 'link') return linkLook(entry.target);
    return serviceLook(name, entry.kind === 'service' ? entry.policy : null, this.listed(name));
  }
}

export function linkLook(target: string): string {
  return `→ ${target}`;
}

export function serviceLook(
  canonical: string,
  policy: string | null,
  endpoints: readonly { id: string; epoch: number; draining: boolean; addresses: readonly string[] }[],
): string {
  const each = endpoints.map(
    ({ id, epoch, draining, addresses }) =>
      `${id}:${epoch}${draining ? ' draining' : ''} ${addresses.join()}`,
  );
  return `${canonical} ${String(policy)} [${each.sort().join(' | ')}]`;
}
