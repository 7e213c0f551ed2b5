import { parseAddress } from '../../core/address.js';
import type { CallActivity } from '../../core/call-activity.js';
import { ClerkError } from '../../core/errors.js';
import { parseName } from '../../core/name.js';
import { resultAtOnce, resultInSlices, type SliceQueue } from '../../core/slice-queue.js';
import { limits } from '../../protocol/limits.js';
import type {
  ListResponse,
  ResolveResponse,
  SearchResponse,
  WhoisResponse,
} from '../../protocol/lookup-messages.js';
import type {
  ChangeResponse,
  DefineRequest,
  DirectoryResponse,
  DirectoryRequest,
  ExportLine,
  ImportResponse,
  LinkRequest,
  MoveRequest,
  RemoveRequest,
} from '../../protocol/naming-messages.js';
import type {
  RegisterResponse,
  RegisterRequest,
  RenewResponse,
  RenewRequest,
  ReportRequest,
  WithdrawRequest,
} from '../../protocol/registration-messages.js';
import type { StatusProblem } from '../../protocol/status-messages.js';
import type {
  Caller,
  IdentityService,
  LaunchRecords,
  NameService,
  NameVisibility,
  ServerRuntime,
  Store,
  WatchOptions,
  OpenWatch,
} from '../ports.js';
import type { NamingCommand } from './commands/naming-command.js';
import type { Committer, CommitResult } from './committer.js';
import type { ExpiryScheduler } from './expiry-scheduler.js';
import { exportLines } from './export-lines.js';
import type { HealthConsensus } from './health/health-consensus.js';
import { Identities } from './identities.js';
import { launchRecords } from './launch-records.js';
import { KeyRetirement } from './key-retirement.js';
import type { Leases } from './leases.js';
import { listPage } from './list.js';
import type { LoadReports } from './load-reports.js';
import type { LookupCache } from './lookup-cache.js';
import type { LostChanges } from './lost-changes.js';
import { connectParts, type NameServerOptions, type StoredState } from './naming-parts.js';
import type { RegistryPosition } from './registry-position.js';
import { findRegistration, renewLeases } from './renew.js';
import { searchEndpoints } from './search.js';
import type { NamingState } from './state/naming-state.js';
import { hasDescendants } from './state/naming-view.js';
import { isStarting } from './state/record-codec.js';
import { resolveLinks, tryResolveLinks } from './state/resolve-links.js';
import type { WatchHub } from './watch/watch-hub.js';

/**
 * Holds the names of a registry server. The committer saves the changes of each command in the store. A saved change
 * then updates the memory and the timers, and goes to the watches. Lookups read only the memory.
 */
export class NameServer implements NameService {
  readonly launches: LaunchRecords;
  readonly identities: IdentityService;
  readonly openedRevision: number;
  readonly #runtime: ServerRuntime;
  readonly #options: NameServerOptions;
  readonly #position: RegistryPosition;
  readonly #state: NamingState;
  readonly #leases: Leases;
  readonly #loadReports: LoadReports;
  readonly #lookups: LookupCache;
  readonly #watchHub: WatchHub;
  readonly #consensus: HealthConsensus;
  readonly #expiry: ExpiryScheduler;
  readonly #committer: Committer;
  readonly #lostChanges: LostChanges;
  readonly #slices: SliceQueue;
  readonly #retirement: KeyRetirement;
  readonly #listeners = new Set<(name: string, id: string, epoch: number) => void>();
  readonly #unreachableListeners = new Set<(id: string) => void>();
  readonly #storeListeners: Set<(failure: ClerkError) => void>;
  readonly #activityListeners = new Set<(id: string, activity: CallActivity) => void>();

  constructor(store: Store, runtime: ServerRuntime, options: NameServerOptions, stored: StoredState) {
    this.#runtime = runtime;
    this.#options = options;
    this.openedRevision = stored.openedRevision;
    const parts = connectParts(store, runtime, options, stored);
    const { position, state } = parts;
    this.#position = position;
    this.#state = state;
    this.#leases = parts.leases;
    this.#loadReports = parts.loadReports;
    this.#lookups = parts.lookups;
    this.#watchHub = parts.watchHub;
    this.#consensus = parts.consensus;
    this.#expiry = parts.expiry;
    this.#committer = parts.committer;
    this.#lostChanges = parts.lostChanges;
    this.#slices = parts.slices;
    this.#storeListeners = parts.storeListeners;
    this.launches = launchRecords(state, position, (command, isEnd) => this.#submit(command, isEnd));
    const retirement = new KeyRetirement(runtime, (command) => this.#submit(command));
    this.#retirement = retirement;
    this.identities = new Identities({
      ...{ state, runtime, retirement, registryKeys: options.registryKeys },
      submit: (command) => this.#submit(command),
      respond: (result) => this.#response(result),
    });
    state.load(stored.changes, runtime.now());
    this.#expiry.start();
    this.#retirement.start(state);
  }

  resolve(name: string): ResolveResponse {
    parseName(name);
    const json = this.#lookups.json(name);
    if (json !== undefined) return JSON.parse(json) as ResolveResponse;
    const { canonical } = resolveLinks(this.#state, name);
    const reason = canonical === name ? '' : `: its links lead to ${canonical}, which does not exist`;
    throw new ClerkError('NAME_NOT_FOUND', `${name} does not exist${reason}`);
  }

  resolveJson(name: string): string | undefined {
    return this.#lookups.json(name);
  }

  list(
    glob: string,
    after: string | undefined,
    maxEntries: number,
    isVisible?: NameVisibility,
  ): ListResponse {
    return { ...listPage(this.#state, glob, after, maxEntries, isVisible), ...this.#markedPosition() };
  }

  search(glob: string, filter: Readonly<Record<string, string>>, isVisible?: NameVisibility): SearchResponse {
    return {
      entries: resultAtOnce(this.#search(glob, filter, isVisible)),
      ...this.#markedPosition(),
    };
  }

  async searchInSlices(
    glob: string,
    filter: Readonly<Record<string, string>>,
    isVisible?: NameVisibility,
  ): Promise<SearchResponse> {
    // The entries may be newer, but not older.
    const position = this.#markedPosition();
    const entries = await this.readInSlices(() => this.#search(glob, filter, isVisible));
    return { entries, ...position };
  }

  async readInSlices<T>(start: () => Iterator<number, T>): Promise<T> {
    const result = await resultInSlices(this.#slices, { start, version: () => this.#state.bulkVersion });
    if (result !== undefined) return result;
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      'Changes of several names follow each other too fast for a request that reads many names; repeat the request',
    );
  }

  #search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    isVisible: NameVisibility | undefined,
  ): Iterator<number, SearchResponse['entries']> {
    return searchEndpoints(this.#state, () => this.#runtime.now(), glob, filter, isVisible);
  }

  canonicalOf(name: string): string | undefined {
    return tryResolveLinks(this.#state, name)?.canonical;
  }

  whois(address: string): WhoisResponse {
    const owners = this.#state.registrationsAt(parseAddress(address).text);
    if (owners.length > limits.maxOwners)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `${owners.length} endpoints have the address ${address}, and a response has at most ${limits.maxOwners}; list the endpoints of a name instead`,
      );
    return { owners: owners.map(({ entry, id, epoch }) => ({ name: entry.name, id, epoch })) };
  }

  status(): ReturnType<NameService['status']> {
    const problems = this.#problems();
    const { services, links, registrationTotal } = this.#state;
    return {
      version: this.#options.version,
      ...this.#currentPosition(),
      services,
      endpoints: registrationTotal,
      links,
      watches: this.#watchHub.size,
      degraded: problems.length > 0,
      ...(problems.length > 0 && { problems }),
    };
  }

  get healthStats(): NameService['healthStats'] {
    const { reports, endpointReports, suspectTransitions, suspects } = this.#consensus;
    return { reports, endpointReports, suspectTransitions, suspects };
  }

  get expiredRegistrations(): number {
    return this.#expiry.expiredRegistrations;
  }

  exportLines(): IterableIterator<ExportLine> {
    return exportLines(this.#state);
  }

  define(request: DefineRequest, caller?: Caller): Promise<ChangeResponse> {
    return this.#submitChange({ kind: 'define', request, caller });
  }

  link(request: LinkRequest, caller?: Caller): Promise<ChangeResponse> {
    return this.#submitChange({ kind: 'link', request, caller });
  }

  async directory(request: DirectoryRequest, caller?: Caller): Promise<DirectoryResponse> {
    const id = `#${this.#runtime.randomHex(12)}`;
    const result = await this.#submit({ kind: 'directory', request, id, caller });
    return { ...this.#response(result), id: result.directoryId ?? id };
  }

  move(request: MoveRequest, caller?: Caller): Promise<ChangeResponse> {
    return this.#submitChange({ kind: 'move', request, caller });
  }

  async remove(request: RemoveRequest, caller?: Caller): Promise<ChangeResponse> {
    const result = await this.#submit({ kind: 'remove', request, caller });
    for (const name of result.brokenGuarantees ?? [])
      this.#options.logger?.warn(`${name} was removed by force before its guarantee ended`);
    return this.#response(result);
  }

  async register(request: RegisterRequest, caller: Caller): Promise<RegisterResponse> {
    const newSecret = this.#runtime.randomHex(16);
    const result = await this.#submit({ kind: 'register', request, caller, newSecret });
    const { epoch = 0, secret = '', leaseMs = 0, name = request.name, proof } = result;
    if (request.state !== 'starting')
      for (const listener of this.#listeners) listener(name, request.id, epoch);
    const { revision, incarnation } = this.#response(result);
    return { epoch, secret, leaseMs, revision, incarnation, ...(proof !== undefined && { proof }) };
  }

  renew({ renewals }: RenewRequest, caller?: Caller): RenewResponse {
    if (renewals.length > limits.maxBatch)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `A request must have at most ${limits.maxBatch} renewals; got ${renewals.length}; split the request`,
      );
    const now = this.#runtime.now();
    const deps = {
      state: this.#state,
      leases: this.#leases,
      loadReports: this.#loadReports,
      consensus: this.#consensus,
      hashing: this.#runtime,
      onActivity: (id: string, activity: CallActivity) => {
        for (const listener of this.#activityListeners) listener(id, activity);
      },
    };
    return { ...renewLeases(deps, renewals, caller, now), incarnation: this.#position.incarnation };
  }

  report(report: ReportRequest, { principal }: Caller): void {
    this.#consensus.addReport(principal, report);
    if (this.#unreachableListeners.size === 0) return;
    for (const { name, id, epoch, verdict } of report.reports) {
      const registration = findRegistration(this.#state, name, id);
      if (verdict !== 'unreachable' || registration?.epoch !== epoch || isStarting(registration.json))
        continue;
      for (const listener of this.#unreachableListeners) listener(id);
    }
  }

  async withdraw(request: WithdrawRequest, caller?: Caller): Promise<ChangeResponse> {
    const result = await this.#committer.submit(() => ({ kind: 'withdraw', request, caller }), {
      endsEndpoints: true,
    });
    const { name = request.name } = result;
    const endpoint = this.#state.endpoint(name, request.id);
    const appliesInMs =
      endpoint?.draining === true ? Math.max(0, Math.ceil(endpoint.expiresAt - this.#runtime.now())) : 0;
    if (endpoint?.draining === true && appliesInMs === 0) await this.#expiry.endDrain(endpoint);
    return this.#response({ ...result, appliesInMs });
  }

  async importLines(lines: readonly ExportLine[], caller?: Caller): Promise<ImportResponse> {
    const { revision } = await this.#submit({ kind: 'import', lines, caller });
    return { entries: lines.length, revision: String(revision) };
  }

  watch(options: WatchOptions): OpenWatch {
    return this.#watchHub.open(options);
  }

  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  onUnreachable(listener: (id: string) => void): () => void {
    this.#unreachableListeners.add(listener);
    return () => void this.#unreachableListeners.delete(listener);
  }

  onStoreFailed(listener: (failure: ClerkError) => void): () => void {
    this.#storeListeners.add(listener);
    return () => void this.#storeListeners.delete(listener);
  }

  onActivity(listener: (id: string, activity: CallActivity) => void): () => void {
    this.#activityListeners.add(listener);
    return () => void this.#activityListeners.delete(listener);
  }

  isSuspect(name: string, id: string): boolean {
    return findRegistration(this.#state, name, id)?.status === 'suspect';
  }

  launchRule(name: string): ReturnType<NameService['launchRule']> {
    const { canonical } = resolveLinks(this.#state, parseName(name));
    const entry = this.#state.entry(canonical);
    if (entry === undefined && !hasDescendants(this.#state, canonical))
      throw new ClerkError('NAME_NOT_FOUND', `${name} does not exist`);
    return { canonical, rule: entry?.kind === 'service' ? (entry.launch ?? undefined) : undefined };
  }

  async close(): Promise<void> {
    this.#expiry.close();
    this.#retirement.close();
    this.#consensus.close();
    await this.#committer.close();
    this.#watchHub.close();
  }

  #problems(): readonly StatusProblem[] {
    const failure = this.#committer.failure;
    const problems: StatusProblem[] = [];
    if (failure !== undefined) problems.push({ part: 'store', message: failure.message });
    if (this.#leases.isThrottling)
      problems.push({
        part: 'leases',
        message:
          'Too many leases expired at once, so their endpoints are removed slowly; check the network between the services and this server',
      });
    return problems;
  }

  #submit(command: NamingCommand, endsEndpoints = false): Promise<CommitResult> {
    return this.#committer.submit(() => command, { endsEndpoints });
  }

  async #submitChange(command: NamingCommand): Promise<ChangeResponse> {
    return this.#response(await this.#submit(command));
  }

  #response({ revision, appliesInMs }: Pick<CommitResult, 'revision' | 'appliesInMs'>): ChangeResponse {
    return {
      revision: String(revision),
      incarnation: this.#position.incarnation,
      appliesInMs: Math.ceil(appliesInMs),
    };
  }

  checkPositions(positions: string): Promise<void> | undefined {
    return this.#lostChanges.check(positions);
  }

  get position(): string {
    return this.#position.saved;
  }

  #currentPosition(): { readonly revision: string; readonly incarnation: string } {
    return { revision: String(this.#position.revision), incarnation: this.#position.incarnation };
  }

  #markedPosition(): { readonly revision: string; readonly incarnation: string; readonly mark: string } {
    return { ...this.#currentPosition(), mark: this.#position.markOf(this.#position.revision) };
  }
}
