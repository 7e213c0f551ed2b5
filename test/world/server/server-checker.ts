import type { EndpointInit } from 'binding-clerk';
import type { RecordChange } from '../../../src/server/ports.js';
import type { EntryRecord } from '../../../src/server/naming/state/records.js';
import { limits } from '../../../src/protocol/limits.js';
import type { ResolveResponse, SearchResponse } from '../../../src/protocol/lookup-messages.js';
import type {
  RegisterResponse,
  RegisterRequest,
  RenewResponse,
  RenewRequest,
  WithdrawRequest,
} from '../../../src/protocol/registration-messages.js';
import type { CoverageMark } from '../coverage.js';
import type { GroundTruth } from '../ground-truth.js';
import { LeaseModel, type LeaseCopy } from './lease-model.js';
import { StoredState, serviceState, type StateCopy, type StoredEndpoint } from './stored-state.js';

/** Secret in the requests of a stranger. */
export const guessedSecret = 'guess';

export interface ServerCheckerOptions {
  readonly now: () => number;
  readonly names: readonly string[];
  readonly truth: GroundTruth;
  readonly mark: (mark: CoverageMark) => void;
  readonly violate: (clause: string, what: string) => void;
  readonly log: (line: string) => void;
  /** State of a registration at its service; undefined when the service is not running. */
  readonly stateOf: (name: string, id: string, epoch: number) => string | undefined;
}

/** What the checker knows at one instant. */
export interface CheckerCopy {
  readonly stored: StateCopy;
  readonly leases: LeaseCopy;
  readonly highest: ReadonlyMap<string, number>;
  readonly withdrawn: ReadonlyMap<string, number>;
  readonly leaving: ReadonlyMap<string, number>;
  readonly forced: ReadonlyMap<string, number>;
  readonly forcedAt: ReadonlyMap<string, number>;
  readonly withdrawals: ReadonlySet<string>;
  readonly unsavedEnds: ReadonlyMap<string, StoredEndpoint>;
}

/** Facts of the holder of an instance, taken before another process registers the instance. */
interface HolderFacts {
  readonly name: string;
  /** Stored revision at that time. */
  readonly revision: number;
  readonly liveUntil: number;
}

/**
 * Checks everything that the server does against the guarantees: against what is durable on the disk, and against earlier
 * responses. The server's memory is not used.
 *
 * @see [C1.1](../../../docs/guarantees.md#c1-1), [C1.2](../../../docs/guarantees.md#c1-2), [C5](../../../docs/guarantees.md#c5)
 */
export class ServerChecker {
  readonly stored: StoredState;
  readonly leases: LeaseModel;
  readonly #options: ServerCheckerOptions;
  /** Highest durable epoch, and highest withdrawn epoch, by name and id. */
  #highest = new Map<string, number>();
  #withdrawn = new Map<string, number>();
  /** Highest epochs at the time of the copy that has replaced the data, and highest epochs of the lost history. */
  #copiedEpochs: ReadonlyMap<string, number> = new Map();
  #lostEpochs: ReadonlyMap<string, number> = new Map();
  #lostIncarnation = '';
  /** End of the guarantees of an entry, by name. */
  readonly #guaranteedUntil = new Map<string, number>();
  /** When the server last showed an entry in a lookup or a watch, by name. */
  readonly #shownAt = new Map<string, number>();
  /** Names that were removed before the end of their guarantee. */
  readonly #broken = new Set<string>();
  /** Requested immediate withdrawals, by name and id, with the epoch; and number of forced removals by name. */
  #leaving = new Map<string, number>();
  #forced = new Map<string, number>();
  /** Revision of the last forced removal, by name. */
  #forcedAt = new Map<string, number>();
  /** Instances whose withdrawal was requested, by name and id. */
  #withdrawals = new Set<string>();
  /** Endpoints that ended in memory only, as they were before, by name and id. */
  #unsavedEnds = new Map<string, StoredEndpoint>();
  /** A write of this server instance has failed. */
  #isBroken = false;

  constructor(options: ServerCheckerOptions) {
    this.#options = options;
    this.stored = new StoredState(options.names);
    this.leases = new LeaseModel(options);
  }

  /** The present name of a service, also from its name before a move. */
  canonicalOf(name: string): string {
    return this.stored.canonical(name) ?? name;
  }

  get isBroken(): boolean {
    return this.#isBroken;
  }

  copy(): CheckerCopy {
    return {
      stored: this.stored.copy(),
      leases: this.leases.copy(),
      highest: new Map(this.#highest),
      withdrawn: new Map(this.#withdrawn),
      leaving: new Map(this.#leaving),
      forced: new Map(this.#forced),
      forcedAt: new Map(this.#forcedAt),
      withdrawals: new Set(this.#withdrawals),
      unsavedEnds: new Map(this.#unsavedEnds),
    };
  }

  /**
   * An older copy replaces the data while the server is down. What the server must not do afterwards depends on the copy, but
   * epochs of the lost history must not be assigned again, and guarantees given for entries that the loss leaves as they are
   * still hold.
   *
   * @param keptUntil - until then, clients keep the endpoints that the registry has lost
   */
  restore(copy: CheckerCopy, keptUntil: number): void {
    const before = this.stored.copy();
    this.#copiedEpochs = copy.highest;
    this.#lostEpochs = this.#highest;
    this.#lostIncarnation = before.incarnation;
    this.stored.restore(copy.stored);
    this.leases.restore(copy.leases);
    this.#highest = new Map(copy.highest);
    this.#withdrawn = new Map(copy.withdrawn);
    this.#leaving = new Map(copy.leaving);
    this.#forced = new Map(copy.forced);
    this.#forcedAt = new Map(copy.forcedAt);
    this.#withdrawals = new Set(copy.withdrawals);
    this.#unsavedEnds = new Map(copy.unsavedEnds);
    const names = new Set([...before.entries.keys(), ...this.stored.entries.keys()]);
    for (const name of names)
      if (structureOf(before.entries.get(name)) !== structureOf(this.stored.entries.get(name)))
        this.#guaranteedUntil.delete(name);
    this.#updateGroundTruth(names, keptUntil);
  }

  /** A write is durable and about to be acknowledged. */
  durable(changes: readonly RecordChange[]): void {
    const { stored } = this;
    const { entries, endpoints } = stored.apply(changes);
    this.#options.log(`durable ${stored.revision}: ${changes.map(({ key }) => key).join(', ')}`);
    const moves = this.#movesOf(entries);
    const moved = new Set([...moves.keys(), ...moves.values()]);
    for (const [name, was] of entries)
      if (!moved.has(name)) this.#entryChanged(name, was, stored.entries.get(name));
    const arrived = endpoints.filter(({ name, is }) => is !== undefined && this.#movedWith(moves, name, is));
    for (const { name, id, was, is } of endpoints.filter((each) => !arrived.includes(each))) {
      // An endpoint that has not moved with the service has ended in the same write.
      if (is === undefined && moves.has(name) && !this.leases.of(name).includes(id)) continue;
      const unsavedEnd = this.#unsavedEnds.get(keyOf(name, id));
      this.#unsavedEnds.delete(keyOf(name, id));
      if (is !== undefined) this.#put(name, is, was);
      else if (unsavedEnd !== undefined) this.leases.removed(name, unsavedEnd, true);
      else if (was !== undefined) this.#removed(name, was, entries.has(name) && !stored.entries.has(name));
      if (is === undefined) this.#leaving.delete(keyOf(name, id));
    }
    for (const [from, to] of moves) this.#moved(from, to);
    for (const name of entries.keys()) if (this.#isForced(name)) this.#forcedAt.set(name, stored.revision);
    this.#updateGroundTruth(new Set([...entries.keys(), ...endpoints.map(({ name }) => name)]));
  }

  /** The server ends or flags endpoints in memory, because a write has failed. */
  unsaved(changes: readonly RecordChange[]): void {
    const { violate, log } = this.#options;
    if (!this.#isBroken) violate('C5.7', 'a change is not saved although no write has failed');
    const { entries, endpoints } = this.stored.apply(changes);
    log(`unsaved ${this.stored.revision}: ${changes.map(({ key }) => key).join(', ')}`);
    for (const name of entries.keys()) violate('C5.7', `${name} changes after a write has failed`);
    for (const { name, id, was } of endpoints) if (was) this.#unsavedEnds.set(keyOf(name, id), was);
    for (const { name, is } of endpoints)
      if (is?.draining === false) violate('C5.7', `${is.id} of ${name} is up after a write has failed`);
    this.#updateGroundTruth(new Set(endpoints.map(({ name }) => name)));
  }

  failed(): void {
    this.#isBroken = true;
    this.leases.down();
    this.#options.mark('write-failed');
  }

  /** The server has saved changes that it had made in memory, and accepts changes again. */
  recovered(changes: readonly RecordChange[]): void {
    const { endpoints } = this.stored.apply(changes);
    this.#options.log(`saved late ${this.stored.revision}: ${changes.map(({ key }) => key).join(', ')}`);
    for (const { name, id, is } of endpoints) {
      const key = keyOf(name, id);
      const unsavedEnd = this.#unsavedEnds.get(key);
      // A drain began when lookups showed it.
      if (is !== undefined || unsavedEnd === undefined) continue;
      this.#unsavedEnds.delete(key);
      this.#leaving.delete(key);
      this.leases.removed(name, unsavedEnd, true);
    }
    if (!this.#isBroken) return;
    this.#isBroken = false;
    this.leases.recovered();
    this.#options.mark('store-recovered');
  }

  /** A server has started. It must have exactly the durable state. */
  opened({ entries, revision, incarnation }: SearchResponse): void {
    const { stored } = this;
    const { violate, mark } = this.#options;
    this.#isBroken = false;
    this.#leaving.clear();
    this.#forced.clear();
    if (revision !== String(stored.revision) || incarnation !== stored.incarnation)
      violate(
        'C5.1',
        `the server starts at ${incarnation}:${revision}, not ${stored.incarnation}:${stored.revision}`,
      );
    const shown = new Map(entries.map(({ name, endpoints }) => [name, endpoints]));
    let live = 0;
    for (const name of new Set([...shown.keys(), ...stored.endpoints.keys()])) {
      // A search shows no endpoint that is starting.
      const has = linesOf(stored.listed(name).filter(({ starting }) => !starting));
      const shows = linesOf(
        (shown.get(name) ?? []).map((each) => ({ ...each, draining: each.state === 'draining' })),
      );
      live += stored.listed(name).length;
      if (has !== shows)
        violate('C5.1', `after its start the server has ${shows} of ${name}; durable is ${has}`);
    }
    if (this.leases.opened() && live > 0) mark('restart-with-leases');
  }

  /** A request has arrived at the server. */
  requested(what: { readonly withdraw?: WithdrawRequest; readonly force?: string }): void {
    const withdraw = what.withdraw && { ...what.withdraw, name: this.canonicalOf(what.withdraw.name) };
    if (withdraw) this.#withdrawals.add(keyOf(withdraw.name, withdraw.id));
    const isStarting =
      withdraw !== undefined && this.stored.endpoints.get(withdraw.name)?.get(withdraw.id)?.starting === true;
    if (withdraw !== undefined && (withdraw.now === true || isStarting)) {
      const { name, id, epoch } = withdraw;
      this.#leaving.set(keyOf(name, id), Math.max(epoch, this.#leaving.get(keyOf(name, id)) ?? 0));
    }
    if (what.force !== undefined) this.#forced.set(what.force, (this.#forced.get(what.force) ?? 0) + 1);
  }

  /** A forced removal was made, or failed. */
  forced(name: string): void {
    // When the disk failed, the result is unknown until the next start.
    if (!this.#isBroken) this.#forced.set(name, (this.#forced.get(name) ?? 1) - 1);
  }

  /** The server sends the response to a lookup. */
  resolved(name: string, reply: ResolveResponse | undefined): void {
    const { stored } = this;
    const { violate } = this.#options;
    const safe = stored.resolved(name);
    if (reply === undefined) {
      if (safe !== 'nothing') violate('C1.1', `${name} is reported absent; durable is ${safe}`);
      return;
    }
    this.pathShown(reply, this.#options.now());
    if (reply.revision !== String(stored.revision))
      violate(
        'C1.1',
        `the response for ${name} has revision ${reply.revision}; durable is ${stored.revision}`,
      );
    const sent = describeResponse(reply);
    if (sent !== safe) violate('C1.1', `${name} is sent as ${sent}; durable is ${safe}`);
  }

  /** A name was sent in a lookup or a watch, which starts a guarantee. */
  pathShown({ path }: Pick<ResolveResponse, 'path'>, at: number): void {
    for (const { name, guaranteedMs } of path) {
      this.#guaranteedUntil.set(name, Math.max(this.#guaranteedUntil.get(name) ?? 0, at + guaranteedMs));
      this.#shownAt.set(name, at);
    }
  }

  /** A clerk trusts a guarantee until this time. */
  trusted(name: string, until: number): void {
    const { violate } = this.#options;
    const guaranteedUntil = this.#guaranteedUntil.get(name);
    if (guaranteedUntil === undefined || this.#broken.has(name) || until <= guaranteedUntil + 0.001) return;
    const extraMs = until - guaranteedUntil;
    violate('C1.2', `a clerk trusts ${name} for ${extraMs.toFixed(0)} ms more than its guarantee`);
  }

  registered(request: RegisterRequest, { epoch, revision }: RegisterResponse): void {
    const { violate } = this.#options;
    if (request.secret === guessedSecret)
      violate('C5.8', `a stranger has registered ${request.id} with epoch ${epoch}`);
    this.#acknowledged(`the registration of ${request.id}`);
    const name = this.canonicalOf(request.name);
    const key = keyOf(name, request.id);
    const is = this.stored.endpoints.get(name)?.get(request.id);
    if (is !== undefined && is.epoch >= epoch) return;
    // Another request in the same write may have removed it.
    if (this.#isLeaving(key, epoch) || (this.#highest.get(key) ?? 0) > epoch) return;
    if ((this.#forcedAt.get(name) ?? 0) >= Number(revision)) return;
    if ((this.#withdrawn.get(key) ?? 0) >= epoch) return;
    violate('C5.1', `the registration of ${key}, epoch ${epoch}, is acknowledged and not durable`);
  }

  /**
   * Returns when the holder of an instance last renewed its lease, if the request is for another process. Must be called
   * before the registration.
   */
  holderOf(request: RegisterRequest): HolderFacts | undefined {
    const name = this.canonicalOf(request.name);
    const is = this.stored.endpoints.get(name)?.get(request.id);
    const isOwn = request.epoch !== undefined || String(is?.addresses) === String(request.addresses);
    if (is === undefined || is.draining || isOwn || this.#withdrawals.has(keyOf(name, request.id)))
      return undefined;
    const liveUntil = this.leases.renewedAt(name, is);
    if (liveUntil === undefined) return undefined;
    return { name, revision: this.stored.revision, liveUntil: liveUntil + 0.4 * is.leaseMs };
  }

  /** The registration of another process was accepted, although its instance had a holder. */
  replaced({ id }: RegisterRequest, { name, revision, liveUntil }: HolderFacts): void {
    const { now, violate } = this.#options;
    // The operator has removed the service by force before the registration.
    if ((this.#forcedAt.get(name) ?? 0) > revision) return;
    if (now() < liveUntil) violate('C5.8', `another process replaces ${id}, whose holder lives`);
    else this.#options.mark('silent-holder-replaced');
  }

  withdrawn({ name: asked, id, epoch, now }: WithdrawRequest): void {
    const { violate } = this.#options;
    this.#acknowledged(`the withdrawal of ${id}`);
    const name = this.canonicalOf(asked);
    const is = this.stored.endpoints.get(name)?.get(id);
    if (is === undefined) {
      const key = keyOf(name, id);
      this.#withdrawn.set(key, Math.max(this.#withdrawn.get(key) ?? 0, epoch));
    }
    if (is === undefined || is.epoch > epoch) return;
    if (now === true || !is.draining)
      violate('C5.1', `the withdrawal of ${id}, epoch ${epoch}, is acknowledged and not durable`);
  }

  changed(name: string): void {
    this.#acknowledged(`a change of ${name}`);
  }

  renewed({ renewals }: RenewRequest, { results }: RenewResponse): void {
    const { violate } = this.#options;
    for (const [i, { name: asked, id, epoch }] of renewals.entries()) {
      const name = this.canonicalOf(asked);
      const result = results[i];
      const is = this.stored.endpoints.get(name)?.get(id);
      if (result === 'renewed') {
        if (is?.epoch !== epoch)
          violate('C5.6', `epoch ${epoch} of ${id} is renewed; registered is ${is?.epoch ?? 'none'}`);
        else this.leases.renewed(name, is);
      } else if (result === 'fenced') {
        const highest = this.#highest.get(keyOf(name, id)) ?? 0;
        if (highest <= epoch && (this.#withdrawn.get(keyOf(name, id)) ?? 0) < epoch)
          violate('C5.6', `epoch ${epoch} of ${id} is reported fenced; the highest epoch is ${highest}`);
      } else if (is?.epoch === epoch && !is.draining && !this.leases.hasEnded(name, is)) {
        violate('C5.2', `epoch ${epoch} of ${id} is reported lost while its lease is valid`);
      }
    }
  }

  /** The moves of a write: new names by former ones. */
  #movesOf(entries: ReadonlyMap<string, EntryRecord | undefined>): ReadonlyMap<string, string> {
    const moves = new Map<string, string>();
    for (const [name, was] of entries) {
      const is = this.stored.entries.get(name);
      if (was?.kind !== 'service' || is?.kind !== 'link' || is.moved !== true) continue;
      moves.set(name, is.target);
      const there = structureOf(this.stored.entries.get(is.target));
      if (there !== structureOf(was))
        this.#options.violate('C1.2', `${name} changes with its move to ${is.target}, into ${there}`);
    }
    return moves;
  }

  /** Whether a move has brought an endpoint to this name. It keeps its epoch and its lease. */
  #movedWith(moves: ReadonlyMap<string, string>, to: string, { id, epoch }: StoredEndpoint): boolean {
    for (const [from, target] of moves) {
      if (target !== to || !this.leases.moved(from, to, id)) continue;
      const highest = this.#highest.get(keyOf(from, id));
      // A later registration in the same write has a higher epoch.
      if (epoch < (highest ?? 0))
        this.#options.violate('C5.6', `${id} moves to ${to} with epoch ${epoch}, not ${String(highest)}`);
      return true;
    }
    return false;
  }

  /** What is known of the instances of a name is known of them under its new name. */
  #moved(from: string, to: string): void {
    const { violate } = this.#options;
    for (const map of [this.#highest, this.#withdrawn, this.#leaving])
      for (const [key, epoch] of [...map]) {
        if (!key.startsWith(`${from} `)) continue;
        const moved = to + key.slice(from.length);
        map.delete(key);
        map.set(moved, Math.max(epoch, map.get(moved) ?? 0));
      }
    for (const key of [...this.#withdrawals])
      if (key.startsWith(`${from} `)) this.#withdrawals.add(to + key.slice(from.length));
    const until = this.#guaranteedUntil.get(from) ?? 0;
    this.#guaranteedUntil.set(to, Math.max(until, this.#guaranteedUntil.get(to) ?? 0));
    this.#shownAt.set(to, Math.max(this.#shownAt.get(from) ?? 0, this.#shownAt.get(to) ?? 0));
    for (const id of this.leases.of(from)) violate('C1.2', `${id} is lost when ${from} moves to ${to}`);
  }

  /** The withdrawal of an older registration does not affect a newer one. */
  #isLeaving(key: string, epoch: number): boolean {
    return (this.#leaving.get(key) ?? -1) >= epoch;
  }

  #isForced(name: string): boolean {
    return (this.#forced.get(name) ?? 0) > 0;
  }

  #acknowledged(what: string): void {
    if (this.#isBroken) this.#options.violate('C5.7', `${what} is acknowledged after a write has failed`);
  }

  #put(name: string, is: StoredEndpoint, was: StoredEndpoint | undefined): void {
    const { violate, mark } = this.#options;
    const { id, epoch, draining } = is;
    const key = keyOf(name, id);
    const highest = this.#highest.get(key) ?? 0;
    if (epoch < highest) violate('C5.6', `epoch ${epoch} of ${key} replaces epoch ${highest}`);
    const lost = this.#lostEpochs.get(key) ?? 0;
    const isOwn = epoch === was?.epoch || epoch <= (this.#copiedEpochs.get(key) ?? 0);
    if (!isOwn && epoch <= lost && this.stored.incarnation !== this.#lostIncarnation)
      violate('C5.6', `epoch ${epoch} of ${key} is assigned again; the lost history had epoch ${lost}`);
    if (!draining && (this.#withdrawn.get(key) ?? 0) >= epoch)
      violate('C5.1', `${key} with epoch ${epoch} is registered again although it was withdrawn`);
    this.#highest.set(key, Math.max(highest, epoch));
    if (draining) {
      this.#withdrawn.set(key, epoch);
      mark('drained');
      const guaranteedMs = this.stored.entries.get(name)?.guaranteedMs ?? limits.defaultGuaranteedMs;
      const shownAt = this.#shownAt.get(name) ?? 0;
      this.leases.draining(name, is, Math.max(limits.lookupTtlMs, guaranteedMs), shownAt);
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
      // Epochs are removed with the entry; their uniqueness is checked while it exists.
      for (const key of [...this.#withdrawn.keys()])
        if (key.startsWith(`${name} `)) this.#withdrawn.delete(key);
    }
    const isForced = this.#isForced(name);
    if (isForced) this.#broken.add(name);
    if (was === undefined) return;
    if (was.pending !== undefined && is?.pending === undefined) mark('changed-when-expired');
    if (structureOf(was) === structureOf(is)) return;
    const leftMs = (this.#guaranteedUntil.get(name) ?? 0) - now();
    // Guarantees are measured on the client's clock, so the exact instant is allowed.
    if (leftMs > 0.001 && !isForced)
      violate('C1.2', `${name} changes ${leftMs.toFixed(0)} ms before the end of its guarantee`);
    this.#guaranteedUntil.delete(name);
  }

  /** Updates the ground truth. */
  #updateGroundTruth(touched: ReadonlySet<string>, keptUntil = 0): void {
    const { truth } = this.#options;
    for (const name of touched) {
      const entry = this.stored.entries.get(name);
      if (entry?.kind === 'link') {
        truth.link(name, entry.target);
        continue;
      }
      const endpoints = this.stored
        .listed(name)
        .filter(({ starting }) => !starting)
        .map(({ id, addresses }): [string, EndpointInit] => [id, { id, addresses }]);
      truth.set(name, entry === undefined ? undefined : new Map(endpoints), keptUntil);
    }
  }
}

/** The state of a name in a lookup response. */
export function describeResponse({ canonical, policy, endpoints, starting = [] }: ResolveResponse): string {
  return serviceState(
    canonical,
    policy,
    [...endpoints, ...starting].map((each) => ({
      ...each,
      draining: each.state === 'draining',
      starting: each.state === 'starting',
    })),
  );
}

function linesOf(endpoints: readonly { id: string; epoch: number; draining: boolean }[]): string {
  return endpoints
    .map(({ id, epoch, draining }) => `${id}:${epoch}${draining ? ' draining' : ''}`)
    .sort()
    .join(' ');
}

/** The guaranteed part of an entry: all of a lookup response but the endpoints. */
function structureOf(entry: EntryRecord | undefined): string {
  if (entry === undefined) return '';
  const { pending: _, ...rest } = entry;
  return JSON.stringify(rest.kind === 'service' ? { ...rest, defined: true } : rest);
}

function keyOf(name: string, id: string): string {
  return `${name} ${id}`;
}
