import { decodeRecord, storeKeys } from '../../../src/server/naming/state/record-codec.js';
import type { EntryRecord } from '../../../src/server/naming/state/records.js';
import type { RecordChange } from '../../../src/server/ports.js';

/** A stored endpoint. */
export interface StoredEndpoint {
  readonly id: string;
  readonly epoch: number;
  readonly leaseMs: number;
  readonly draining: boolean;
  readonly starting: boolean;
  readonly addresses: readonly string[];
}

/** State of a name from a revision on. */
interface NameState {
  readonly revision: number;
  readonly state: string;
}

/** States by name, from one revision to the next. With links resolved, and with links as they are. */
interface StateHistory {
  readonly resolved: Map<string, NameState[]>;
  readonly own: Map<string, NameState[]>;
}

/** The state of one instant. */
export interface StateCopy {
  readonly entries: ReadonlyMap<string, EntryRecord>;
  readonly endpoints: ReadonlyMap<string, ReadonlyMap<string, StoredEndpoint>>;
  readonly revision: number;
  readonly incarnation: string;
}

/** What one write changed. */
export interface StoredChange {
  /** Previous entries, by name. */
  readonly entries: ReadonlyMap<string, EntryRecord | undefined>;
  readonly endpoints: readonly {
    readonly name: string;
    readonly id: string;
    readonly was: StoredEndpoint | undefined;
    readonly is: StoredEndpoint | undefined;
  }[];
}

/** State of a name that does not exist. */
export const absentState = 'nothing';

/**
 * The durable state, decoded from the records independently of the server. It gives the correct lookup result of each name, at
 * this revision and at all earlier ones.
 */
export class StoredState {
  readonly entries = new Map<string, EntryRecord>();
  readonly endpoints = new Map<string, Map<string, StoredEndpoint>>();
  revision = 0;
  incarnation = '';
  /** The highest revision so far, of unsaved changes too. */
  #highest = 0;
  /** One for each incarnation, and one more when an older copy has replaced the data. */
  readonly #histories: StateHistory[] = [{ resolved: new Map(), own: new Map() }];

  /** @param names - names whose states are recorded */
  constructor(readonly names: readonly string[]) {}

  /** Number of the history to which the current state belongs. */
  get history(): number {
    return this.#histories.length - 1;
  }

  copy(): StateCopy {
    const endpoints = new Map([...this.endpoints].map(([name, each]) => [name, new Map(each)]));
    const { revision, incarnation } = this;
    return { entries: new Map(this.entries), endpoints, revision, incarnation };
  }

  /** An older copy replaces the data. */
  restore({ entries, endpoints, revision, incarnation }: StateCopy): void {
    this.entries.clear();
    for (const [name, entry] of entries) this.entries.set(name, entry);
    this.endpoints.clear();
    for (const [name, each] of endpoints) this.endpoints.set(name, new Map(each));
    this.revision = revision;
    this.incarnation = incarnation;
    this.#beginHistory();
    this.#recordStates();
  }

  /** Applies one write. */
  apply(changes: readonly RecordChange[]): StoredChange {
    const entries = new Map<string, EntryRecord | undefined>();
    const endpoints: StoredChange['endpoints'][number][] = [];
    const { incarnation } = this;
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
        const is =
          change?.kind === 'endpoint' && change.record !== undefined
            ? { ...change.record, starting: stateOf(value) === 'starting' }
            : undefined;
        this.#put(name, id, is);
        endpoints.push({ name, id, was, is });
      }
    }
    if (incarnation !== '' && incarnation !== this.incarnation) this.#beginHistory();
    this.#highest = Math.max(this.#highest, this.revision);
    this.#recordStates();
    return { entries, endpoints };
  }

  /** The name after all links; undefined when there are too many. */
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

  /** The state of a name in a lookup. */
  resolved(name: string): string {
    const canonical = this.canonical(name);
    return canonical === undefined ? absentState : this.#unresolved(canonical);
  }

  /** The states of a name in a history from a revision on, including the one at that revision. */
  statesSince(history: number, name: string, isExact: boolean, revision: number): readonly string[] {
    const states = this.#histories[history]?.[isExact ? 'resolved' : 'own'].get(name) ?? [];
    const first = states.findLastIndex((each) => each.revision <= revision);
    return [
      ...(first < 0 ? [absentState] : []),
      ...states.slice(Math.max(first, 0)).map(({ state }) => state),
    ];
  }

  #put(name: string, id: string, endpoint: StoredEndpoint | undefined): void {
    const all = this.endpoints.get(name) ?? new Map<string, StoredEndpoint>();
    this.endpoints.set(name, all);
    if (endpoint === undefined) all.delete(id);
    else all.set(id, endpoint);
  }

  #beginHistory(): void {
    this.#histories.push({ resolved: new Map(), own: new Map() });
    this.#highest = this.revision;
  }

  #recordStates(): void {
    const { resolved, own } = this.#histories.at(-1) as StateHistory;
    for (const name of this.names) {
      this.#append(resolved, name, this.resolved(name));
      this.#append(own, name, this.#unresolved(name));
    }
  }

  #append(recorded: Map<string, NameState[]>, name: string, state: string): void {
    const states = recorded.get(name) ?? [];
    recorded.set(name, states);
    if ((states.at(-1)?.state ?? absentState) === state) return;
    // A start reads the durable state, whose revision is lower than that of unsaved changes. Clients may still receive
    // the unsaved state.
    states.push({ revision: this.revision < this.#highest ? this.#highest + 0.5 : this.revision, state });
  }

  #unresolved(name: string): string {
    const entry = this.entries.get(name);
    if (entry === undefined) return absentState;
    if (entry.kind === 'link') return linkState(entry.target);
    return serviceState(name, entry.kind === 'service' ? entry.policy : null, this.listed(name));
  }
}

function stateOf(recordJson: string | undefined): string | undefined {
  return (JSON.parse(recordJson ?? '{}') as { endpoint?: { state: string } }).endpoint?.state;
}

export function linkState(target: string): string {
  return `→ ${target}`;
}

export function serviceState(
  canonical: string,
  policy: string | null,
  endpoints: readonly Omit<StoredEndpoint, 'leaseMs'>[],
): string {
  const each = endpoints.map(
    ({ id, epoch, draining, starting, addresses }) =>
      `${id}:${epoch}${draining ? ' draining' : ''}${starting ? ' starting' : ''} ${addresses.join()}`,
  );
  return `${canonical} ${String(policy)} [${each.sort().join(' | ')}]`;
}
