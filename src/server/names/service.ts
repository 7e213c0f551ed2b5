/**
 * The names as the rest of the server sees them: commands go to the committer, look-ups to what is durable, and what is
 * durable is told to time and to those who watch.
 */
import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { parseName } from '../../core/name.js';
import { limits } from '../../wire/limits.js';
import type {
  ChangeReply,
  DefineRequest,
  DirectoryReply,
  DirectoryRequest,
  ExportLine,
  ImportReply,
  LinkRequest,
  ListReply,
  MoveRequest,
  RegisterReply,
  RegisterRequest,
  RemoveRequest,
  RenewReply,
  RenewRequest,
  ReportRequest,
  ResolveReply,
  SearchReply,
  StatusReply,
  WhoisReply,
  WithdrawRequest,
} from '../../wire/messages.js';
import type {
  Caller,
  LaunchRecords,
  NameService,
  ServerRuntime,
  Store,
  WatchOptions,
  Watching,
} from '../ports.js';
import { Answers, type Position } from './answers.js';
import type { Command, Surroundings } from './command.js';
import { Committer, type Done } from './committing.js';
import { Hub } from './hub.js';
import { Judging } from './judging.js';
import { Leases } from './leases.js';
import { launchRecords } from './launch-records.js';
import { Loads } from './loads.js';
import { listing, owning, searching } from './listing.js';
import { Promises } from './promises.js';
import type { Change } from './records.js';
import { registrationOf, renewedAll } from './renewing.js';
import { Tables } from './tables.js';
import { takeOver } from './taking-over.js';
import { Timekeeper } from './timekeeper.js';
import { hasBelow } from './view.js';
import { walk } from './walk.js';

/** What names are opened with. */
export interface NamesOptions {
  /** What `status` says. */
  readonly version: string;
  /** Where a promise that was broken by force is told. Default: nowhere. */
  readonly logger?: Logger;
  /** Endpoints that one principal may have. Default 1,000. */
  readonly mostRegistrations?: number;
  /** Endpoints of one service. Default 10,000. */
  readonly mostEndpoints?: number;
  /** Opinions of one principal that are kept at a time. Default 10,000. */
  readonly mostHeard?: number;
  /** Whether a service with this manifest can be started. Default: yes. */
  readonly startable?: (manifest: string) => boolean;
}

/** What a store held when it was opened. */
export interface Opened {
  readonly incarnation: string;
  readonly revision: number;
  readonly changes: readonly Change[];
}

export class Names implements NameService {
  readonly launches: LaunchRecords;
  readonly #runtime: ServerRuntime;
  readonly #options: NamesOptions;
  readonly #position: Position & { revision: number };
  readonly #tables: Tables;
  readonly #leases = new Leases();
  readonly #loads = new Loads();
  readonly #answers: Answers;
  readonly #hub: Hub;
  readonly #judging: Judging;
  readonly #time: Timekeeper;
  readonly #committer: Committer;
  readonly #listeners = new Set<(name: string, id: string, epoch: number) => void>();

  constructor(store: Store, runtime: ServerRuntime, options: NamesOptions, opened: Opened) {
    this.#runtime = runtime;
    this.#options = options;
    const { incarnation, revision, changes } = opened;
    const position = { incarnation, revision };
    this.#position = position;
    const tables = new Tables({
      registered: (registration) => this.#time.registered(registration),
      marked: (registration) => this.#judging.marked(registration),
      gone: (registration) => {
        this.#leases.release(registration);
        this.#judging.gone(registration);
      },
    });
    this.#tables = tables;
    const promises = new Promises(tables, runtime);
    const startable = options.startable ?? (() => true);
    const answers = new Answers(tables, promises, position, this.#loads, runtime, startable);
    this.#answers = answers;
    this.#hub = new Hub({ tables, answers, promises, position, clock: runtime });
    const surroundings: Surroundings = {
      remaining: (name, promiseMs) => promises.remaining(name, promiseMs),
      hashing: runtime,
      mostRegistrations: options.mostRegistrations ?? limits.mostRegistrations,
      mostEndpoints: options.mostEndpoints ?? limits.mostEndpoints,
    };
    this.#committer = new Committer({
      store,
      view: tables,
      surroundings,
      revision: () => position.revision,
      writing: (all) => {
        for (const change of all) if (change.kind === 'entry') promises.changing(change.name);
      },
      apply: (batch, all, next) => {
        promises.changed();
        takeOver({ tables, position, time: this.#time, hub: this.#hub }, batch, all, next);
      },
    });
    this.#judging = new Judging({
      clock: runtime,
      find: (name, id) => registrationOf(tables, name, id),
      submit: (prepare) => this.#committer.submit(prepare).then(nothing, nothing),
      mostHeard: options.mostHeard ?? limits.mostHeard,
    });
    this.#time = new Timekeeper({
      clock: runtime,
      tables,
      leases: this.#leases,
      judging: this.#judging,
      promises,
      submit: (prepare) => this.#committer.submit(prepare, true).then(nothing, nothing),
    });
    this.launches = launchRecords(tables, (command) => this.#do(command));
    tables.load(changes, runtime.now());
    this.#time.begin();
  }

  resolve(name: string): ResolveReply {
    parseName(name);
    const text = this.#answers.text(name);
    if (text !== undefined) return JSON.parse(text) as ResolveReply;
    const { canonical } = walk(this.#tables, name);
    const behind = canonical === name ? '' : `: it leads to ${canonical}, which does not exist`;
    throw new ClerkError('NAME_NOT_FOUND', `There is no ${name}${behind}`);
  }

  resolveText(name: string): string | undefined {
    return this.#answers.text(name);
  }

  list(glob: string, after: string | undefined, most: number): ListReply {
    return { ...listing(this.#tables, glob, after, most), ...this.#stand() };
  }

  search(glob: string, filter: Readonly<Record<string, string>>): SearchReply {
    return { entries: searching(this.#tables, glob, filter), ...this.#stand() };
  }

  whois(address: string): WhoisReply {
    return owning(this.#tables, address);
  }

  status(): StatusReply {
    const { services, links, registered } = this.#tables;
    return {
      version: this.#options.version,
      ...this.#stand(),
      services,
      endpoints: registered,
      links,
      watches: this.#hub.size,
      degraded: this.#leases.isBraking || this.#committer.isBroken,
    };
  }

  get judged(): NameService['judged'] {
    const { reports, opinions, marks, suspects } = this.#judging;
    return { reports, opinions, marks, suspects };
  }

  get expired(): number {
    return this.#time.expired;
  }

  *exportLines(): IterableIterator<ExportLine> {
    for (const name of this.#tables.names.from('')) {
      const record = this.#tables.entry(name);
      if (record === undefined) continue;
      const { kind, promiseMs } = record;
      if (kind === 'link') yield { kind, name, target: record.target, promiseMs };
      else if (kind === 'directory') yield { kind, name, id: record.id };
      else if (record.defined) {
        const { policy, timeoutMs, launch } = record;
        yield { kind, name, policy, ...(timeoutMs !== undefined && { timeoutMs }), promiseMs, launch };
      }
    }
  }

  define(request: DefineRequest): Promise<ChangeReply> {
    return this.#change({ kind: 'define', request });
  }

  link(request: LinkRequest): Promise<ChangeReply> {
    return this.#change({ kind: 'link', request });
  }

  async directory(request: DirectoryRequest): Promise<DirectoryReply> {
    const id = `#${this.#runtime.randomHex(12)}`;
    const done = await this.#do({ kind: 'directory', request, id });
    return { ...this.#reply(done), id: done.id ?? id };
  }

  move(request: MoveRequest): Promise<ChangeReply> {
    return this.#change({ kind: 'move', request });
  }

  async remove(request: RemoveRequest): Promise<ChangeReply> {
    const done = await this.#do({ kind: 'remove', request });
    for (const name of done.broken ?? [])
      this.#options.logger?.warn(`The promise on ${name} was broken: it was removed by force`);
    return this.#reply(done);
  }

  async register(request: RegisterRequest, caller: Caller): Promise<RegisterReply> {
    const done = await this.#do({ kind: 'register', request, caller });
    const { epoch = 0, leaseMs = 0, name = request.name, proof } = done;
    for (const listener of this.#listeners) listener(name, request.id, epoch);
    const { revision, incarnation } = this.#reply(done);
    return { epoch, leaseMs, revision, incarnation, ...(proof !== undefined && { proof }) };
  }

  renew({ renewals }: RenewRequest): RenewReply {
    if (renewals.length > limits.mostBatch)
      throw new ClerkError(
        'LIMIT',
        `${renewals.length} renewals came in one message; ${limits.mostBatch} is the most`,
      );
    const now = this.#runtime.now();
    const world = { tables: this.#tables, leases: this.#leases, loads: this.#loads, judging: this.#judging };
    return { ...renewedAll(world, renewals, now), incarnation: this.#position.incarnation };
  }

  report(report: ReportRequest, { principal }: Caller): void {
    this.#judging.report(principal, report);
  }

  async withdraw(request: WithdrawRequest): Promise<ChangeReply> {
    const done = await this.#do({ kind: 'withdraw', request });
    const left = done.name === undefined ? undefined : this.#tables.endpoint(done.name, request.id);
    const inMs = left?.draining === true ? Math.max(0, Math.ceil(left.endsAt - this.#runtime.now())) : 0;
    return this.#reply({ ...done, inMs });
  }

  async importLines(lines: readonly ExportLine[]): Promise<ImportReply> {
    const { revision } = await this.#do({ kind: 'import', lines });
    return { entries: lines.length, revision: String(revision) };
  }

  watch(options: WatchOptions): Watching {
    return this.#hub.open(options);
  }

  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  launchRule(name: string): ReturnType<NameService['launchRule']> {
    const { canonical } = walk(this.#tables, parseName(name));
    const entry = this.#tables.entry(canonical);
    if (entry === undefined && !hasBelow(this.#tables, canonical))
      throw new ClerkError('NAME_NOT_FOUND', `There is no ${name}`);
    return { canonical, rule: entry?.kind === 'service' ? (entry.launch ?? undefined) : undefined };
  }

  async close(): Promise<void> {
    this.#time.close();
    this.#judging.close();
    await this.#committer.close();
    this.#hub.close();
  }

  #do(command: Command): Promise<Done> {
    return this.#committer.submit(() => command);
  }

  async #change(command: Command): Promise<ChangeReply> {
    return this.#reply(await this.#do(command));
  }

  #reply({ revision, inMs }: Pick<Done, 'revision' | 'inMs'>): ChangeReply {
    return {
      revision: String(revision),
      incarnation: this.#position.incarnation,
      inMs: Math.ceil(inMs),
    };
  }

  #stand(): { readonly revision: string; readonly incarnation: string } {
    return { revision: String(this.#position.revision), incarnation: this.#position.incarnation };
  }
}

function nothing(): void {
  // What time asks for is refused only when nothing can be changed any more.
}
