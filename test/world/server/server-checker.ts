/**
 * Sees everything that the server does, and compares it with what was promised: with what is safe on the disk, and with
 * what was answered to whom and when. Nothing that the server keeps in memory is believed.
 *
 * @see promises C1.1, C1.2, C5.1–C5.7
 */
import type { EndpointInit } from 'binding-clerk';
import type { RecordChange } from '../../../src/server/ports.js';
import type { EntryRecord } from '../../../src/server/naming/state/records.js';
import { limits } from '../../../src/protocol/limits.js';
import type {
  RegisterResponse,
  RegisterRequest,
  RenewResponse,
  RenewRequest,
  ResolveResponse,
  SearchResponse,
  WithdrawRequest,
} from '../../../src/protocol/messages.js';
import type { CoverageMark } from '../coverage.js';
import type { GroundTruth } from '../ground-truth.js';
import { LeaseModel } from './lease-model.js';
import { StoredState, serviceState, type StoredEndpoint } from './stored-state.js';

export interface ServerCheckerOptions {
  readonly now: () => number;
  readonly names: readonly string[];
  readonly truth: GroundTruth;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (promise: string, what: string) => void;
  readonly log: (line: string) => void;
  /** What the holder of a registration thinks of it; undefined when it does not run. */
  readonly stateOf: (name: string, id: string, epoch: number) => string | undefined;
}

export class ServerChecker {
  readonly stored: StoredState;
  readonly leases: LeaseModel;
  readonly #options: ServerCheckerOptions;
  /** Highest epoch that was ever safe, and those that have withdrawn, by name and id. */
  readonly #highest = new Map<string, number>();
  readonly #withdrawn = new Map<string, number>();
  /** Until when nothing of an entry may change, by name. */
  readonly #guaranteedUntil = new Map<string, number>();
  /** Withdrawals at once that were asked for, by name and id, with the epoch; and removals by force. */
  readonly #leaving = new Map<string, number>();
  readonly #forced = new Map<string, number>();
  /** Revision of the last removal by force, by name. */
  readonly #forcedAt = new Map<string, number>();
  /** The store of this life of the server could not be written. */
  #isBroken = false;

  constructor(options: ServerCheckerOptions) {
    this.#options = options;
    this.stored = new StoredState(options.names);
    this.leases = new LeaseModel(options);
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  /** A write is safe, and the server is about to hear of it. */
  durable(changes: readonly RecordChange[]): void {
    const { stored } = this;
    const { entries, endpoints } = stored.apply(changes);
    this.#options.log(`safe ${stored.revision}: ${changes.map(({ key }) => key).join(', ')}`);
    for (const [name, was] of entries) this.#entryChanged(name, was, stored.entries.get(name));
    for (const { name, id, was, is } of endpoints) {
      if (is !== undefined) this.#put(name, is);
      else if (was !== undefined) this.#removed(name, was, entries.has(name) && !stored.entries.has(name));
      if (is === undefined) this.#leaving.delete(keyOf(name, id));
    }
    for (const name of entries.keys()) if (this.#isForced(name)) this.#forcedAt.set(name, stored.revision);
    this.#updateGroundTruth(new Set([...entries.keys(), ...endpoints.map(({ name }) => name)]));
  }

  failed(): void {
    this.#isBroken = true;
    this.leases.down();
    this.#options.mark('write-failed');
  }

  /** A server stands on what the disk has: it shows all of that and nothing else. */
  opened({ entries, revision, incarnation }: SearchResponse): void {
    const { stored } = this;
    const { violate, mark } = this.#options;
    this.#isBroken = false;
    this.#leaving.clear();
    this.#forced.clear();
    if (revision !== String(stored.revision) || incarnation !== stored.incarnation)
      violate(
        'C5.1',
        `the server begins at ${incarnation}:${revision}, not ${stored.incarnation}:${stored.revision}`,
      );
    const shown = new Map(entries.map(({ name, endpoints }) => [name, endpoints]));
    let live = 0;
    for (const name of new Set([...shown.keys(), ...stored.endpoints.keys()])) {
      const has = linesOf(stored.listed(name));
      const shows = linesOf(
        (shown.get(name) ?? []).map((each) => ({ ...each, draining: each.state === 'draining' })),
      );
      live += stored.listed(name).length;
      if (has !== shows)
        violate('C5.1', `after its start the server shows ${shows} of ${name}; safe is ${has}`);
    }
    if (this.leases.opened() && live > 0) mark('restart-with-leases');
  }

  /** Something is asked of the server: what the asker wants is remembered. */
  requested(what: { readonly withdraw?: WithdrawRequest; readonly force?: string }): void {
    if (what.withdraw?.now === true) {
      const { name, id, epoch } = what.withdraw;
      this.#leaving.set(keyOf(name, id), Math.max(epoch, this.#leaving.get(keyOf(name, id)) ?? 0));
    }
    if (what.force !== undefined) this.#forced.set(what.force, (this.#forced.get(what.force) ?? 0) + 1);
  }

  /** A removal by force was made, or refused. */
  forced(name: string): void {
    // Of one that was refused because the disk failed nobody knows, until the next server has looked.
    if (!this.#isBroken) this.#forced.set(name, (this.#forced.get(name) ?? 1) - 1);
  }

  /** The answer to a look-up leaves the server. */
  resolved(name: string, reply: ResolveResponse | undefined): void {
    const { stored } = this;
    const { violate } = this.#options;
    const safe = stored.resolved(name);
    if (reply === undefined) {
      if (safe !== 'nothing') violate('C1.1', `${name} is told to be absent; safe is ${safe}`);
      return;
    }
    this.pathShown(reply, this.#options.now());
    if (reply.revision !== String(stored.revision))
      violate('C1.1', `${name} is answered as of ${reply.revision} at ${stored.revision}`);
    const told = describeResponse(reply);
    if (told !== safe) violate('C1.1', `${name} is told to be ${told}; safe is ${safe}`);
  }

  /** Somebody was shown a name, in a look-up or a watch: that is a promise. */
  pathShown({ path }: Pick<ResolveResponse, 'path'>, at: number): void {
    for (const { name, guaranteedMs } of path)
      this.#guaranteedUntil.set(name, Math.max(this.#guaranteedUntil.get(name) ?? 0, at + guaranteedMs));
  }

  registered(request: RegisterRequest, { epoch, revision }: RegisterResponse): void {
    const { violate } = this.#options;
    this.#acknowledged(`the registration of ${request.id}`);
    const name = this.stored.canonical(request.name) ?? request.name;
    const key = keyOf(name, request.id);
    const is = this.stored.endpoints.get(name)?.get(request.id);
    if (is !== undefined && is.epoch >= epoch) return;
    // It may have been taken back by a request in the same write.
    if (this.#isLeaving(key, epoch) || (this.#highest.get(key) ?? 0) > epoch) return;
    if ((this.#forcedAt.get(name) ?? 0) >= Number(revision)) return;
    if ((this.#withdrawn.get(key) ?? 0) >= epoch) return;
    violate('C5.1', `the registration of ${key}, epoch ${epoch}, is acknowledged and not safe`);
  }

  withdrawn({ name: asked, id, epoch, now }: WithdrawRequest): void {
    const { violate } = this.#options;
    this.#acknowledged(`the withdrawal of ${id}`);
    const name = this.stored.canonical(asked) ?? asked;
    const is = this.stored.endpoints.get(name)?.get(id);
    if (is === undefined) {
      const key = keyOf(name, id);
      this.#withdrawn.set(key, Math.max(this.#withdrawn.get(key) ?? 0, epoch));
    }
    if (is === undefined || is.epoch > epoch) return;
    if (now === true || !is.draining)
      violate('C5.1', `the withdrawal of ${id}, epoch ${epoch}, is acknowledged and not safe`);
  }

  changed(name: string): void {
    this.#acknowledged(`a change of ${name}`);
  }

  renewed({ renewals }: RenewRequest, { results }: RenewResponse): void {
    const { violate } = this.#options;
    for (const [i, { name, id, epoch }] of renewals.entries()) {
      const word = results[i];
      const is = this.stored.endpoints.get(name)?.get(id);
      if (word === 'renewed') {
        if (is?.epoch !== epoch)
          violate('C5.6', `epoch ${epoch} of ${id} is renewed; registered is ${is?.epoch ?? 'nobody'}`);
        else this.leases.renewed(name, is);
      } else if (word === 'fenced') {
        const highest = this.#highest.get(keyOf(name, id)) ?? 0;
        if (highest <= epoch && (this.#withdrawn.get(keyOf(name, id)) ?? 0) < epoch)
          violate('C5.6', `epoch ${epoch} of ${id} is called fenced, and none was newer than ${highest}`);
      } else if (is?.epoch === epoch && !is.draining && !this.leases.hasEnded(name, is)) {
        violate('C5.2', `epoch ${epoch} of ${id} is called lost while its lease lasts`);
      }
    }
  }

  /** A newer registration is not withdrawn by the word of an older one. */
  #isLeaving(key: string, epoch: number): boolean {
    return (this.#leaving.get(key) ?? -1) >= epoch;
  }

  #isForced(name: string): boolean {
    return (this.#forced.get(name) ?? 0) > 0;
  }

  #acknowledged(what: string): void {
    if (this.#isBroken) this.#options.violate('C5.7', `${what} is acknowledged after a write has failed`);
  }

  #put(name: string, is: StoredEndpoint): void {
    const { violate, mark } = this.#options;
    const { id, epoch, draining } = is;
    const key = keyOf(name, id);
    const highest = this.#highest.get(key) ?? 0;
    if (epoch < highest) violate('C5.6', `epoch ${epoch} of ${key} takes the place of ${highest}`);
    if (!draining && (this.#withdrawn.get(key) ?? 0) >= epoch)
      violate('C5.1', `${key} with epoch ${epoch} is back although it was withdrawn`);
    this.#highest.set(key, Math.max(highest, epoch));
    if (draining) {
      this.#withdrawn.set(key, epoch);
      mark('drained');
      const guaranteedMs = this.stored.entries.get(name)?.guaranteedMs ?? limits.defaultGuaranteedMs;
      this.leases.draining(name, is, Math.max(limits.lookupTtlMs, guaranteedMs));
    } else this.leases.granted(name, is);
  }

  #removed(name: string, was: StoredEndpoint, withEntry: boolean): void {
    const key = keyOf(name, was.id);
    const isLeaving = this.#isLeaving(key, was.epoch);
    const isAsked = isLeaving || withEntry || this.#isForced(name);
    if (isLeaving) this.#withdrawn.set(key, Math.max(this.#withdrawn.get(key) ?? 0, was.epoch));
    this.leases.removed(name, was, isAsked);
  }

  #entryChanged(name: string, was: EntryRecord | undefined, is: EntryRecord | undefined): void {
    const { violate, mark, now } = this.#options;
    if (is === undefined) {
      // Its numbers go with it; that no number comes twice is looked at while it is there.
      for (const key of [...this.#withdrawn.keys()])
        if (key.startsWith(`${name} `)) this.#withdrawn.delete(key);
    }
    const isForced = this.#isForced(name);
    if (was === undefined) return;
    if (was.pending !== undefined && is?.pending === undefined) mark('changed-when-expired');
    if (structureOf(was) === structureOf(is)) return;
    const leftMs = (this.#guaranteedUntil.get(name) ?? 0) - now();
    // A promise is kept on the clock of whoever was given it: to the instant is soon enough.
    if (leftMs > 0.001 && !isForced)
      violate('C1.2', `${name} changes ${leftMs.toFixed(0)} ms before a promise of it is over`);
    this.#guaranteedUntil.delete(name);
  }

  /** What is seen from now on. */
  #updateGroundTruth(touched: ReadonlySet<string>): void {
    const { truth } = this.#options;
    for (const name of touched) {
      const entry = this.stored.entries.get(name);
      if (entry?.kind === 'link') {
        truth.link(name, entry.target);
        continue;
      }
      const endpoints = this.stored
        .listed(name)
        .map(({ id, addresses }): [string, EndpointInit] => [id, { id, addresses }]);
      truth.set(name, entry === undefined ? undefined : new Map(endpoints));
    }
  }
}

/** A name as a look-up has shown it. */
export function describeResponse({ canonical, policy, endpoints }: ResolveResponse): string {
  return serviceState(
    canonical,
    policy,
    endpoints.map((each) => ({ ...each, draining: each.state === 'draining' })),
  );
}

function linesOf(endpoints: readonly { id: string; epoch: number; draining: boolean }[]): string {
  return endpoints
    .map(({ id, epoch, draining }) => `${id}:${epoch}${draining ? ' draining' : ''}`)
    .sort()
    .join(' ');
}

/** What was promised of an entry: what look-ups show of it besides its endpoints. */
function structureOf(entry: EntryRecord | undefined): string {
  if (entry === undefined) return '';
  const { pending: _, ...rest } = entry;
  return JSON.stringify(rest.kind === 'service' ? { ...rest, defined: true } : rest);
}

function keyOf(name: string, id: string): string {
  return `${name} ${id}`;
}
