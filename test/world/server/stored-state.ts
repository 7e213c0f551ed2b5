/**
 * What is safe on the disk, read record by record and independently of the server: what look-ups must show, name by
 * name, now and at every earlier revision.
 */
import { decodeRecord, storeKeys } from '../../../src/server/naming/state/record-codec.js';
import type { EntryRecord } from '../../../src/server/naming/state/records.js';
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
interface NameState {
  readonly revision: number;
  readonly state: string;
}

/** What one write changed. */
export interface StoredChange {
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
export const absentState = 'nothing';

export class StoredState {
  readonly entries = new Map<string, EntryRecord>();
  readonly endpoints = new Map<string, Map<string, StoredEndpoint>>();
  revision = 0;
  incarnation = '';
  /** By name: resolved, and as it is. */
  readonly #resolved = new Map<string, NameState[]>();
  readonly #own = new Map<string, NameState[]>();

  /** @param names - those whose looks are kept */
  constructor(readonly names: readonly string[]) {}

  /** Takes one write over. */
  apply(changes: readonly RecordChange[]): StoredChange {
    const entries = new Map<string, EntryRecord | undefined>();
    const endpoints: StoredChange['endpoints'][number][] = [];
    for (const { key, value } of changes) {
      const [kind = '', name = '', id = ''] = key.split(' ');
      if (key === storeKeys.revision) this.revision = Number(value);
      else if (key === storeKeys.incarnation) this.incarnation = value ?? '';
      else if (kind === 'e') {
        entries.set(name, this.entries.get(name));
        const change = value === undefined ? undefined : decodeRecord(key, value);
        if (change?.kind === 'entry' && change.record) this.entries.set(name, change.record);
        else this.entries.delete(name);
      } else if (kind === 'p') {
        const was = this.endpoints.get(name)?.get(id);
        const change = value === undefined ? undefined : decodeRecord(key, value);
        const is = change?.kind === 'endpoint' ? change.record : undefined;
        this.#put(name, id, is);
        endpoints.push({ name, id, was, is });
      }
    }
    this.#recordStates();
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
    return canonical === undefined ? absentState : this.#unresolved(canonical);
  }

  /** The looks that a name had from a revision on, the one it had then first. */
  statesSince(name: string, isPlain: boolean, revision: number): readonly string[] {
    const looks = (isPlain ? this.#resolved : this.#own).get(name) ?? [];
    const first = looks.findLastIndex((each) => each.revision <= revision);
    return [
      ...(first < 0 ? [absentState] : []),
      ...looks.slice(Math.max(first, 0)).map(({ state }) => state),
    ];
  }

  #put(name: string, id: string, endpoint: StoredEndpoint | undefined): void {
    const all = this.endpoints.get(name) ?? new Map<string, StoredEndpoint>();
    this.endpoints.set(name, all);
    if (endpoint === undefined) all.delete(id);
    else all.set(id, endpoint);
  }

  #recordStates(): void {
    for (const name of this.names) {
      this.#append(this.#resolved, name, this.resolved(name));
      this.#append(this.#own, name, this.#unresolved(name));
    }
  }

  #append(kept: Map<string, NameState[]>, name: string, look: string): void {
    const looks = kept.get(name) ?? [];
    kept.set(name, looks);
    if ((looks.at(-1)?.state ?? absentState) !== look) looks.push({ revision: this.revision, state: look });
  }

  #unresolved(name: string): string {
    const entry = this.entries.get(name);
    if (entry === undefined) return absentState;
    if (entry.kind === 'link') return linkState(entry.target);
    return serviceState(name, entry.kind === 'service' ? entry.policy : null, this.listed(name));
  }
}

export function linkState(target: string): string {
  return `→ ${target}`;
}

export function serviceState(
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
