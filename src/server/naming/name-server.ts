/**
 * The names as the rest of the server sees them: commands go to the committer, look-ups to what is durable, and what is
 * durable is told to time and to those who watch.
 */
import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { parseName } from '../../core/name.js';
import { limits } from '../../protocol/limits.js';
import type {
  ChangeResponse,
  DefineRequest,
  DirectoryResponse,
  DirectoryRequest,
  ExportLine,
  ImportResponse,
  LinkRequest,
  ListResponse,
  MoveRequest,
  RegisterResponse,
  RegisterRequest,
  RemoveRequest,
  RenewResponse,
  RenewRequest,
  ReportRequest,
  ResolveResponse,
  SearchResponse,
  StatusResponse,
  WhoisResponse,
  WithdrawRequest,
} from '../../protocol/messages.js';
import type {
  Caller,
  LaunchRecords,
  NameService,
  ServerRuntime,
  Store,
  WatchOptions,
  OpenWatch,
} from '../ports.js';
import { LookupCache, type StatePosition } from './lookup-cache.js';
import type { NamingCommand, PlanContext } from './commands/naming-command.js';
import { Committer, type CommitResult } from './committer.js';
import { WatchHub } from './watch/watch-hub.js';
import { HealthConsensus } from './health/health-consensus.js';
import { Leases } from './leases.js';
import { launchRecords } from './launch-records.js';
import { LoadReports } from './load-reports.js';
import { listPage, whois, searchEndpoints } from './list.js';
import { Guarantees } from './guarantees.js';
import type { StateChange } from './state/records.js';
import { findRegistration, renewLeases } from './renew.js';
import { NamingState } from './state/naming-state.js';
import { applyBatch } from './apply-batch.js';
import { ExpiryScheduler } from './expiry-scheduler.js';
import { hasDescendants } from './state/naming-view.js';
import { resolveLinks } from './state/resolve-links.js';

/** What names are opened with. */
export interface NameServerOptions {
  /** What `status` says. */
  readonly version: string;
  /** Where a promise that was broken by force is told. Default: nowhere. */
  readonly logger?: Logger;
  /** Endpoints that one principal may have. Default 1,000. */
  readonly maxRegistrations?: number;
  /** Endpoints of one service. Default 10,000. */
  readonly maxEndpoints?: number;
  /** Opinions of one principal that are kept at a time. Default 10,000. */
  readonly maxReportsPerPrincipal?: number;
  /** Whether a service with this manifest can be started. Default: yes. */
  readonly isStartable?: (manifest: string) => boolean;
}

/** What a store held when it was opened. */
export interface StoredState {
  readonly incarnation: string;
  readonly revision: number;
  readonly changes: readonly StateChange[];
}

export class NameServer implements NameService {
  readonly launches: LaunchRecords;
  readonly #runtime: ServerRuntime;
  readonly #options: NameServerOptions;
  readonly #position: StatePosition & { revision: number };
  readonly #state: NamingState;
  readonly #leases = new Leases();
  readonly #loadReports = new LoadReports();
  readonly #lookups: LookupCache;
  readonly #watchHub: WatchHub;
  readonly #consensus: HealthConsensus;
  readonly #expiry: ExpiryScheduler;
  readonly #committer: Committer;
  readonly #listeners = new Set<(name: string, id: string, epoch: number) => void>();

  constructor(store: Store, runtime: ServerRuntime, options: NameServerOptions, stored: StoredState) {
    this.#runtime = runtime;
    this.#options = options;
    const { incarnation, revision, changes } = stored;
    const position = { incarnation, revision };
    this.#position = position;
    const tables = new NamingState({
      onRegistered: (registration) => this.#expiry.onRegistered(registration),
      onStatusApplied: (registration) => this.#consensus.onStatusApplied(registration),
      onRemoved: (registration) => {
        this.#leases.release(registration);
        this.#consensus.onRemoved(registration);
      },
    });
    this.#state = tables;
    const promises = new Guarantees(tables, runtime);
    const startable = options.isStartable ?? (() => true);
    const answers = new LookupCache(tables, promises, position, this.#loadReports, runtime, startable);
    this.#lookups = answers;
    this.#watchHub = new WatchHub({
      state: tables,
      lookups: answers,
      guarantees: promises,
      position,
      clock: runtime,
    });
    const surroundings: PlanContext = {
      remainingGuaranteeMs: (name, guaranteedMs) => promises.remainingMs(name, guaranteedMs),
      hashing: runtime,
      maxRegistrations: options.maxRegistrations ?? limits.maxRegistrations,
      maxEndpoints: options.maxEndpoints ?? limits.maxEndpoints,
    };
    this.#committer = new Committer({
      store,
      view: tables,
      planContext: surroundings,
      revision: () => position.revision,
      onWriting: (all) => {
        for (const change of all) if (change.kind === 'entry') promises.beginWrite(change.name);
      },
      applyBatch: (batch, all, next) => {
        promises.endWrite();
        applyBatch(
          { state: tables, position, expiry: this.#expiry, watchHub: this.#watchHub },
          batch,
          all,
          next,
        );
      },
    });
    this.#consensus = new HealthConsensus({
      clock: runtime,
      findRegistration: (name, id) => findRegistration(tables, name, id),
      submit: (prepare) => this.#committer.submit(prepare).then(noop, noop),
      maxReportsPerPrincipal: options.maxReportsPerPrincipal ?? limits.maxStoredReports,
    });
    this.#expiry = new ExpiryScheduler({
      clock: runtime,
      state: tables,
      leases: this.#leases,
      consensus: this.#consensus,
      guarantees: promises,
      submit: (prepare) => this.#committer.submit(prepare, true).then(noop, noop),
    });
    this.launches = launchRecords(tables, (command) => this.#submit(command));
    tables.load(changes, runtime.now());
    this.#expiry.start();
  }

  resolve(name: string): ResolveResponse {
    parseName(name);
    const text = this.#lookups.json(name);
    if (text !== undefined) return JSON.parse(text) as ResolveResponse;
    const { canonical } = resolveLinks(this.#state, name);
    const behind = canonical === name ? '' : `: it leads to ${canonical}, which does not exist`;
    throw new ClerkError('NAME_NOT_FOUND', `There is no ${name}${behind}`);
  }

  resolveJson(name: string): string | undefined {
    return this.#lookups.json(name);
  }

  list(glob: string, after: string | undefined, maxEntries: number): ListResponse {
    return { ...listPage(this.#state, glob, after, maxEntries), ...this.#currentPosition() };
  }

  search(glob: string, filter: Readonly<Record<string, string>>): SearchResponse {
    return { entries: searchEndpoints(this.#state, glob, filter), ...this.#currentPosition() };
  }

  whois(address: string): WhoisResponse {
    return whois(this.#state, address);
  }

  status(): StatusResponse {
    const { services, links, registrationTotal } = this.#state;
    return {
      version: this.#options.version,
      ...this.#currentPosition(),
      services,
      endpoints: registrationTotal,
      links,
      watches: this.#watchHub.size,
      degraded: this.#leases.isThrottling || this.#committer.hasFailed,
    };
  }

  get healthStats(): NameService['healthStats'] {
    const { reports, endpointReports, suspectTransitions, suspects } = this.#consensus;
    return { reports, endpointReports, suspectTransitions, suspects };
  }

  get expiredRegistrations(): number {
    return this.#expiry.expiredRegistrations;
  }

  *exportLines(): IterableIterator<ExportLine> {
    for (const name of this.#state.names.from('')) {
      const record = this.#state.entry(name);
      if (record === undefined) continue;
      const { kind, guaranteedMs } = record;
      if (kind === 'link') yield { kind, name, target: record.target, guaranteedMs };
      else if (kind === 'directory') yield { kind, name, id: record.id };
      else if (record.defined) {
        const { policy, timeoutMs, launch } = record;
        yield { kind, name, policy, ...(timeoutMs !== undefined && { timeoutMs }), guaranteedMs, launch };
      }
    }
  }

  define(request: DefineRequest): Promise<ChangeResponse> {
    return this.#submitChange({ kind: 'define', request });
  }

  link(request: LinkRequest): Promise<ChangeResponse> {
    return this.#submitChange({ kind: 'link', request });
  }

  async directory(request: DirectoryRequest): Promise<DirectoryResponse> {
    const id = `#${this.#runtime.randomHex(12)}`;
    const done = await this.#submit({ kind: 'directory', request, id });
    return { ...this.#reply(done), id: done.directoryId ?? id };
  }

  move(request: MoveRequest): Promise<ChangeResponse> {
    return this.#submitChange({ kind: 'move', request });
  }

  async remove(request: RemoveRequest): Promise<ChangeResponse> {
    const done = await this.#submit({ kind: 'remove', request });
    for (const name of done.brokenGuarantees ?? [])
      this.#options.logger?.warn(`The promise on ${name} was broken: it was removed by force`);
    return this.#reply(done);
  }

  async register(request: RegisterRequest, caller: Caller): Promise<RegisterResponse> {
    const done = await this.#submit({ kind: 'register', request, caller });
    const { epoch = 0, leaseMs = 0, name = request.name, proof } = done;
    for (const listener of this.#listeners) listener(name, request.id, epoch);
    const { revision, incarnation } = this.#reply(done);
    return { epoch, leaseMs, revision, incarnation, ...(proof !== undefined && { proof }) };
  }

  renew({ renewals }: RenewRequest): RenewResponse {
    if (renewals.length > limits.maxBatch)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `${renewals.length} renewals came in one message; ${limits.maxBatch} is the most`,
      );
    const now = this.#runtime.now();
    const world = {
      state: this.#state,
      leases: this.#leases,
      loadReports: this.#loadReports,
      consensus: this.#consensus,
    };
    return { ...renewLeases(world, renewals, now), incarnation: this.#position.incarnation };
  }

  report(report: ReportRequest, { principal }: Caller): void {
    this.#consensus.addReport(principal, report);
  }

  async withdraw(request: WithdrawRequest): Promise<ChangeResponse> {
    const done = await this.#submit({ kind: 'withdraw', request });
    const left = done.name === undefined ? undefined : this.#state.endpoint(done.name, request.id);
    const inMs = left?.draining === true ? Math.max(0, Math.ceil(left.expiresAt - this.#runtime.now())) : 0;
    return this.#reply({ ...done, inMs });
  }

  async importLines(lines: readonly ExportLine[]): Promise<ImportResponse> {
    const { revision } = await this.#submit({ kind: 'import', lines });
    return { entries: lines.length, revision: String(revision) };
  }

  watch(options: WatchOptions): OpenWatch {
    return this.#watchHub.open(options);
  }

  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  launchRule(name: string): ReturnType<NameService['launchRule']> {
    const { canonical } = resolveLinks(this.#state, parseName(name));
    const entry = this.#state.entry(canonical);
    if (entry === undefined && !hasDescendants(this.#state, canonical))
      throw new ClerkError('NAME_NOT_FOUND', `There is no ${name}`);
    return { canonical, rule: entry?.kind === 'service' ? (entry.launch ?? undefined) : undefined };
  }

  async close(): Promise<void> {
    this.#expiry.close();
    this.#consensus.close();
    await this.#committer.close();
    this.#watchHub.close();
  }

  #submit(command: NamingCommand): Promise<CommitResult> {
    return this.#committer.submit(() => command);
  }

  async #submitChange(command: NamingCommand): Promise<ChangeResponse> {
    return this.#reply(await this.#submit(command));
  }

  #reply({ revision, inMs }: Pick<CommitResult, 'revision' | 'inMs'>): ChangeResponse {
    return {
      revision: String(revision),
      incarnation: this.#position.incarnation,
      appliesInMs: Math.ceil(inMs),
    };
  }

  #currentPosition(): { readonly revision: string; readonly incarnation: string } {
    return { revision: String(this.#position.revision), incarnation: this.#position.incarnation };
  }
}

function noop(): void {
  // What time asks for is refused only when nothing can be changed any more.
}
