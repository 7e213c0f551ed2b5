import { parseAddress } from '../../core/address.js';
import type { CallActivity } from '../../core/call-activity.js';
import { definedFields } from '../../core/defined-fields.js';
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
  CancelRequest,
  ChangeResponse,
  DefineRequest,
  DirectoryResponse,
  DirectoryRequest,
  ExportLine,
  ImportOptions,
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
import { differenceOf } from './commands/import-difference.js';
import type { NamingCommand } from './commands/naming-command.js';
import type { Committer, CommitResult } from './committer.js';
import type { ExpiryScheduler } from './expiry-scheduler.js';
import { exportLines } from './export-lines.js';
import { formerNames } from './former-names.js';
import type { HealthConsensus } from './health/health-consensus.js';
import { Identities } from './identities.js';
import { launchRecords } from './launch-records.js';
import { KeyRetirement } from './key-retirement.js';
import type { Leases } from './leases.js';
import { listPage } from './list.js';
import { nearName } from './near-name.js';
import type { LoadReports } from './load-reports.js';
import type { LookupCache } from './lookup-cache.js';
import type { LostChanges } from './lost-changes.js';
import { connectParts, type NameServerOptions, type StoredState } from './naming-parts.js';
import { RegistrationEvents } from './registration-events.js';
import type { RegistryPosition } from './registry-position.js';
import { findRegistration, renewLeases } from './renew.js';
import type { ScheduledChangeList } from './scheduled-change-list.js';
import { prepareRenewals } from './shared/prepare-renewals.js';
import { ReportSharing } from './shared/report-sharing.js';
import type { ServerNames } from './shared/server-names.js';
import type { SharedRegistry } from './shared/shared-registry.js';
import { searchPage } from './search.js';
import { statusProblems } from './status-problems.js';
import type { NamingState } from './state/naming-state.js';
import { hasDescendants } from './state/naming-view.js';
import { isStarting } from './state/record-codec.js';
import { resolveLinks, tryResolveLinks } from './state/resolve-links.js';
import type { WatchHub } from './watch/watch-hub.js';

/**
 * The name service of a registry server. The committer saves the changes of each command in the store. A saved change
 * is then applied to the state in memory and the timers, and is sent to the watches. Lookups read only the state in
 * memory.
 */
export class NameServer implements NameService {
  readonly launches: LaunchRecords;
  readonly identities: IdentityService;
  readonly openedRevision: number;
  readonly servers: ServerNames | undefined;
  readonly #runtime: ServerRuntime;
  readonly #options: NameServerOptions;
  readonly #position: RegistryPosition;
  readonly #state: NamingState;
  readonly #leases: Leases;
  readonly #loadReports: LoadReports;
  readonly #lookups: LookupCache;
  readonly #watchHub: WatchHub;
  readonly #consensus: HealthConsensus;
  readonly #scheduled: ScheduledChangeList;
  readonly #expiry: ExpiryScheduler;
  readonly #committer: Committer;
  readonly #lostChanges: LostChanges;
  readonly #shared: SharedRegistry | undefined;
  readonly #reportSharing: ReportSharing | undefined;
  readonly #slices: SliceQueue;
  readonly #retirement: KeyRetirement;
  readonly #registrationEvents = new RegistrationEvents();
  readonly #storeListeners: Set<(failure: ClerkError) => void>;

  constructor(store: Store, runtime: ServerRuntime, options: NameServerOptions, stored: StoredState) {
    this.#runtime = runtime;
    this.#options = options;
    this.openedRevision = stored.openedRevision;
    const parts = connectParts(store, runtime, options, stored, (changes) =>
      this.#registrationEvents.emitForeign(changes),
    );
    const { position, state } = parts;
    this.#position = position;
    this.#state = state;
    this.#leases = parts.leases;
    this.#loadReports = parts.loadReports;
    this.#lookups = parts.lookups;
    this.#watchHub = parts.watchHub;
    this.#consensus = parts.consensus;
    this.#scheduled = parts.scheduled;
    this.#expiry = parts.expiry;
    this.#committer = parts.committer;
    this.#lostChanges = parts.lostChanges;
    this.#shared = parts.shared;
    this.servers = parts.servers;
    this.#slices = parts.slices;
    this.#storeListeners = parts.storeListeners;
    const { shared } = parts;
    this.#reportSharing =
      shared &&
      new ReportSharing({
        clock: runtime,
        findRegistration: (name, id) => findRegistration(state, name, id),
        isJudgedHere: (registration) => shared.endsHere(registration),
        submit: (command) => this.#submit(command),
      });
    const place = shared && {
      server: shared.server,
      host: runtime.hostId() ?? '',
      isGone: (server: string) => shared.isGone(server),
    };
    this.launches = launchRecords(state, position, (command, isEnd) => this.#submit(command, isEnd), place);
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
    if (this.#shared?.freshness.isCurrent === false) throw unknownAbsenceError(name);
    const { canonical } = resolveLinks(this.#state, name);
    const reason = canonical === name ? '' : `: its links lead to ${canonical}, which does not exist`;
    const near = reason === '' ? this.nearName(name) : undefined;
    const meant = near === undefined ? '' : `; did you mean ${near}?`;
    throw new ClerkError('NAME_NOT_FOUND', `${name} does not exist${reason}${meant}`);
  }

  nearName(name: string, isVisible?: NameVisibility): string | undefined {
    return nearName(this.#state, name, isVisible);
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
    const page = listPage(this.#state, this.#scheduled, { glob, after, maxEntries, isVisible });
    return { ...page, ...this.#markedPosition() };
  }

  search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    after?: string,
    isVisible?: NameVisibility,
  ): SearchResponse {
    return {
      ...resultAtOnce(this.#search(glob, filter, after, isVisible)),
      ...this.#markedPosition(),
    };
  }

  async searchInSlices(
    glob: string,
    filter: Readonly<Record<string, string>>,
    after?: string,
    isVisible?: NameVisibility,
  ): Promise<SearchResponse> {
    // The position is read first, because the entries of the response may be newer than this position, but never older.
    const position = this.#markedPosition();
    const page = await this.readInSlices(() => this.#search(glob, filter, after, isVisible));
    return { ...page, ...position };
  }

  async readInSlices<T>(start: () => Iterator<number, T>): Promise<T> {
    const result = await resultInSlices(this.#slices, { start, version: () => this.#state.bulkVersion });
    if (result !== undefined) return result;
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      'The request reads many names, and was restarted too often because other requests changed several names at once; retry the request',
    );
  }

  #search(
    glob: string,
    filter: Readonly<Record<string, string>>,
    after: string | undefined,
    isVisible: NameVisibility | undefined,
  ): Iterator<number, Pick<SearchResponse, 'entries' | 'next'>> {
    return searchPage(this.#state, () => this.#runtime.now(), { glob, filter, after, isVisible });
  }

  canonicalOf(name: string): string | undefined {
    return tryResolveLinks(this.#state, name)?.canonical;
  }

  whois(address: string): WhoisResponse {
    const owners = this.#state.registrationsAt(parseAddress(address).text);
    if (owners.length > limits.maxOwners)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `${owners.length} endpoints have the address ${address}, which exceeds the maximum of ${limits.maxOwners} in a response; look up the endpoints of a single name instead`,
      );
    return { owners: owners.map(({ entry, id, epoch }) => ({ name: entry.name, id, epoch })) };
  }

  status(): ReturnType<NameService['status']> {
    const problems = statusProblems({
      storeFailure: this.#committer.failure,
      isCurrent: this.#shared?.freshness.isCurrent !== false,
      isThrottling: this.#leases.isThrottling,
    });
    const { services, links, registrationTotal } = this.#state;
    const scheduled = this.#scheduled.next();
    return {
      version: this.#options.version,
      ...this.present,
      services,
      endpoints: registrationTotal,
      links,
      watches: this.#watchHub.size,
      ...(scheduled.length > 0 && { scheduled }),
      degraded: problems.length > 0,
      ...(problems.length > 0 && { problems }),
    };
  }

  get healthStats(): NameService['healthStats'] {
    const { reports, endpointReports, suspectTransitions, suspects } = this.#consensus;
    return { reports, endpointReports, suspectTransitions, suspects };
  }

  get fenceCount(): number {
    return this.#state.fenceCount;
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

  cancel(request: CancelRequest, caller?: Caller): Promise<ChangeResponse> {
    return this.#submitChange({ kind: 'cancel', request, caller });
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
    const written = this.#watchHub.whenWritten();
    if (written !== undefined) await written;
    const { epoch = 0, secret = '', leaseMs = 0, name = request.name, presentName, proof } = result;
    if (request.state !== 'starting') this.#registrationEvents.emitRegistered(name, request.id, epoch);
    const { revision, incarnation } = this.#response(result);
    return { epoch, secret, leaseMs, revision, incarnation, ...definedFields({ name: presentName, proof }) };
  }

  prepareRenewals({ renewals }: RenewRequest): Promise<void> | undefined {
    if (this.#shared === undefined || renewals.length > limits.maxBatch) return undefined;
    const submit = (command: NamingCommand): Promise<CommitResult> => this.#submit(command);
    const deps = { shared: this.#shared, state: this.#state, hashing: this.#runtime, submit };
    return prepareRenewals(deps, renewals);
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
      onActivity: (id: string, activity: CallActivity) => this.#registrationEvents.emitActivity(id, activity),
    };
    return { ...renewLeases(deps, renewals, caller, now), incarnation: this.#position.incarnation };
  }

  report(report: ReportRequest, { principal }: Caller): void {
    this.#consensus.addReport(principal, report);
    this.#reportSharing?.share(principal, report);
    if (!this.#registrationEvents.hasUnreachableListener) return;
    for (const { name, id, epoch, verdict } of report.reports) {
      const registration = findRegistration(this.#state, name, id);
      if (verdict !== 'unreachable' || registration?.epoch !== epoch || isStarting(registration.json))
        continue;
      this.#registrationEvents.emitUnreachable(id);
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

  async importLines(
    lines: readonly ExportLine[],
    caller?: Caller,
    options: ImportOptions = {},
  ): Promise<ImportResponse> {
    const result = await this.#submit({ kind: 'import', lines, options, caller });
    const { revision, incarnation } = this.#response(result);
    const difference = result.difference ?? differenceOf([]);
    return { entries: lines.length, revision, incarnation, dryRun: options.dryRun === true, ...difference };
  }

  watch(options: WatchOptions): OpenWatch {
    return this.#watchHub.open(options);
  }

  onRegistered(listener: (name: string, id: string, epoch: number) => void): () => void {
    return this.#registrationEvents.onRegistered(listener);
  }

  onUnreachable(listener: (id: string) => void): () => void {
    return this.#registrationEvents.onUnreachable(listener);
  }

  onStoreFailed(listener: (failure: ClerkError) => void): () => void {
    this.#storeListeners.add(listener);
    return () => void this.#storeListeners.delete(listener);
  }

  onActivity(listener: (id: string, activity: CallActivity) => void): () => void {
    return this.#registrationEvents.onActivity(listener);
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

  formerNames(name: string): readonly string[] {
    return formerNames(this.#state, name);
  }

  async close(): Promise<void> {
    this.#expiry.close();
    this.#retirement.close();
    this.#consensus.close();
    this.servers?.close();
    await this.#shared?.close();
    await this.#committer.close();
    this.#watchHub.close();
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

  /** Starts to read the log of a registry with several servers. */
  async start(): Promise<void> {
    await this.#shared?.start();
  }

  checkPositions(positions: string): Promise<void> | undefined {
    return this.#lostChanges.check(positions);
  }

  get position(): string {
    return this.#position.saved;
  }

  get present(): { readonly revision: string; readonly incarnation: string } {
    return { revision: String(this.#position.revision), incarnation: this.#position.incarnation };
  }

  #markedPosition(): { readonly revision: string; readonly incarnation: string; readonly mark: string } {
    return { ...this.present, mark: this.#position.markOf(this.#position.revision) };
  }
}

/**
 * The error for a name that this server does not know while its state is too old: another server may have defined the
 * name.
 */
function unknownAbsenceError(name: string): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `This server cannot check whether ${name} exists, because it cannot reach the database of the registry; use another server, or retry later`,
  );
}
