import { parseAddress } from '../../core/address.js';
import type { CallActivity } from '../../core/call-activity.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
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
  StatusProblem,
  StatusResponse,
  WhoisResponse,
  WithdrawRequest,
} from '../../protocol/messages.js';
import type {
  Caller,
  IdentityService,
  LaunchRecords,
  NameService,
  NameVisibility,
  OwnChange,
  ServerRuntime,
  Store,
  WatchOptions,
  OpenWatch,
} from '../ports.js';
import { applyBatch } from './apply-batch.js';
import type { NamingCommand, PlanContext } from './commands/naming-command.js';
import { Committer, type CommitResult } from './committer.js';
import { ExpiryScheduler } from './expiry-scheduler.js';
import { exportLines } from './export-lines.js';
import { Guarantees } from './guarantees.js';
import { HealthConsensus } from './health/health-consensus.js';
import { Identities, type RegistryKeys } from './identities.js';
import { launchRecords } from './launch-records.js';
import { KeyRetirement } from './key-retirement.js';
import { Leases } from './leases.js';
import { listPage } from './list.js';
import { LoadReports } from './load-reports.js';
import { LookupCache } from './lookup-cache.js';
import { LostChanges } from './lost-changes.js';
import { ownChangeOf } from './own-change.js';
import type { RegistryIdentity } from './registry-identity.js';
import { RegistryPosition } from './registry-position.js';
import { findRegistration, renewLeases } from './renew.js';
import { searchEndpoints } from './search.js';
import { NamingState } from './state/naming-state.js';
import { hasDescendants } from './state/naming-view.js';
import { isStarting } from './state/record-codec.js';
import type { StateChange } from './state/records.js';
import { resolveLinks, tryResolveLinks } from './state/resolve-links.js';
import { WatchHub } from './watch/watch-hub.js';

export interface NameServerOptions {
  readonly version: string;
  readonly logger?: Logger;
  /** Maximum number of endpoints per principal. Default 1,000. */
  readonly maxRegistrations?: number;
  /** Default 2,000,000. */
  readonly maxNames?: number;
  /** Maximum number of endpoints per service. Default 10,000. */
  readonly maxEndpoints?: number;
  /** Called when a principal has reached a limit, and gets no error. */
  readonly onLimit?: (principal: string, error: ClerkError) => void;
  /** Default 10,000. */
  readonly maxReportsPerPrincipal?: number;
  /** Interval between heartbeats while a watch has no other events, in ms. Default 5,000. */
  readonly heartbeatMs?: number;
  /** Default: always true. */
  readonly isStartable?: (manifest: string) => boolean;
  readonly registryKeys?: RegistryKeys;
  readonly adopt?: boolean;
  /** Called for each change that no client has requested, such as the end of a lease. */
  readonly onOwnChange?: ((change: OwnChange) => void) | undefined;
}

/** Content of a store. `changes` has one change for each record, without the records of identity and revision. */
export interface StoredState {
  readonly identity: RegistryIdentity;
  readonly revision: number;
  readonly changes: readonly StateChange[];
}

/**
 * Holds the names of a registry server. The committer saves the changes of each command in the store. A saved change
 * then updates the memory and the timers, and goes to the watches. Lookups read only the memory.
 */
export class NameServer implements NameService {
  readonly launches: LaunchRecords;
  readonly identities: IdentityService;
  readonly #runtime: ServerRuntime;
  readonly #options: NameServerOptions;
  readonly #position: RegistryPosition;
  readonly #state: NamingState;
  readonly #leases = new Leases();
  readonly #loadReports = new LoadReports();
  readonly #lookups: LookupCache;
  readonly #watchHub: WatchHub;
  readonly #consensus: HealthConsensus;
  readonly #expiry: ExpiryScheduler;
  readonly #committer: Committer;
  readonly #lostChanges: LostChanges;
  readonly #retirement: KeyRetirement;
  readonly #listeners = new Set<(name: string, id: string, epoch: number) => void>();
  readonly #unreachableListeners = new Set<(id: string) => void>();
  readonly #activityListeners = new Set<(id: string, activity: CallActivity) => void>();

  constructor(store: Store, runtime: ServerRuntime, options: NameServerOptions, stored: StoredState) {
    this.#runtime = runtime;
    this.#options = options;
    const { identity, revision, changes } = stored;
    const position = new RegistryPosition(identity, revision, runtime);
    this.#position = position;
    const state = new NamingState({
      onRegistered: (registration) => this.#expiry.onRegistered(registration),
      onStatusApplied: (registration) => this.#consensus.onStatusApplied(registration),
      onRemoved: (registration) => {
        this.#leases.release(registration);
        this.#consensus.onRemoved(registration);
      },
    });
    this.#state = state;
    const guarantees = new Guarantees(state, runtime);
    const lookups = new LookupCache({
      state,
      guarantees,
      position,
      loadReports: this.#loadReports,
      clock: runtime,
      isStartable: options.isStartable ?? (() => true),
    });
    this.#lookups = lookups;
    this.#watchHub = new WatchHub({
      state,
      lookups,
      guarantees,
      position,
      clock: runtime,
      heartbeatMs: options.heartbeatMs ?? limits.heartbeatMs,
    });
    const planContext: PlanContext = {
      remainingGuaranteeMs: (name, guaranteedMs) => guarantees.remainingMs(name, guaranteedMs),
      now: () => runtime.now(),
      wallNow: () => runtime.wallNow(),
      hashing: runtime,
      maxRegistrations: options.maxRegistrations ?? limits.maxRegistrations,
      maxEndpoints: options.maxEndpoints ?? limits.maxEndpoints,
      maxNames: options.maxNames ?? limits.maxNames,
    };
    this.#committer = new Committer({
      store,
      view: state,
      planContext,
      revision: () => position.revision,
      onWriting: (written) => {
        for (const change of written) if (change.kind === 'entry') guarantees.beginWrite(change.name);
      },
      applyBatch: (batch, written, nextRevision) => {
        guarantees.endWrite();
        const targets = {
          state,
          position,
          expiry: this.#expiry,
          watchHub: this.#watchHub,
          onApplied: () => position.onSaved(),
        };
        applyBatch(targets, batch, written, nextRevision);
        const next = batch.find((plan) => plan.identity !== undefined)?.identity;
        if (next === undefined) return;
        position.changeIdentity(next);
        lookups.clear();
        guarantees.restart();
        this.#watchHub.resync('the registry has a new incarnation, because its data lacks earlier changes');
      },
      applyUnsaved: (unsaved, nextRevision) => {
        const targets = { state, position, expiry: this.#expiry, watchHub: this.#watchHub };
        applyBatch(targets, [unsaved], unsaved.changes, nextRevision);
      },
      onFailure: (cause) =>
        options.logger?.error(
          `The registry is read-only, because its store failed: ${errorMessage(cause)}. Lookups continue, and ended endpoints are removed; every other change is rejected until the restart`,
        ),
      onChanged:
        options.onOwnChange &&
        ((command, result) => {
          const change = ownChangeOf(command, result);
          if (change !== undefined) options.onOwnChange?.(change);
        }),
    });
    const { maxReportsPerPrincipal = limits.maxStoredReports } = options;
    this.#consensus = new HealthConsensus({
      clock: runtime,
      findRegistration: (name, id) => findRegistration(state, name, id),
      submit: (prepare) => this.#committer.submit(prepare, { endsEndpoints: true }).then(noop, noop),
      maxReportsPerPrincipal,
      onReportLimit: (principal) => options.onLimit?.(principal, reportLimitError(maxReportsPerPrincipal)),
    });
    this.#expiry = new ExpiryScheduler({
      clock: runtime,
      state,
      leases: this.#leases,
      consensus: this.#consensus,
      guarantees,
      submit: (prepare, endsEndpoints = false) =>
        this.#committer.submit(prepare, { atFront: true, endsEndpoints }).then(noop, noop),
    });
    this.#lostChanges = new LostChanges({
      runtime,
      position,
      logger: options.logger,
      highestEpoch: () => state.highestEpoch(),
      submit: (prepare) => this.#committer.submit(prepare, { atFront: true }),
    });
    this.launches = launchRecords(state, position, (command) => this.#submit(command));
    const retirement = new KeyRetirement(runtime, (command) => this.#submit(command));
    this.#retirement = retirement;
    this.identities = new Identities({
      ...{ state, runtime, retirement, registryKeys: options.registryKeys },
      submit: (command) => this.#submit(command),
      respond: (result) => this.#response(result),
    });
    state.load(changes, runtime.now());
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
    return { entries: searchEndpoints(this.#state, glob, filter, isVisible), ...this.#markedPosition() };
  }

  canonicalOf(name: string): string | undefined {
    return tryResolveLinks(this.#state, name)?.canonical;
  }

  whois(address: string): WhoisResponse {
    const owners = this.#state.registrationsAt(parseAddress(address).text);
    return { owners: owners.map(({ entry, id, epoch }) => ({ name: entry.name, id, epoch })) };
  }

  status(): StatusResponse {
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
    const endpoint = result.name === undefined ? undefined : this.#state.endpoint(result.name, request.id);
    const appliesInMs =
      endpoint?.draining === true ? Math.max(0, Math.ceil(endpoint.expiresAt - this.#runtime.now())) : 0;
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

  #submit(command: NamingCommand): Promise<CommitResult> {
    return this.#committer.submit(() => command);
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

function noop(): void {
  // A command of a timer or review fails only when the store cannot be written or the server closes.
}

/** Only the operator gets this error. Every report of a client gets the same response. */
function reportLimitError(maxReports: number): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `At most ${maxReports} health reports of one client address are counted; further reports are ignored`,
  );
}
