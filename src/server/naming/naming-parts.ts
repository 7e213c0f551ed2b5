import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { SliceQueue } from '../../core/slice-queue.js';
import { limits } from '../../protocol/limits.js';
import type { OwnChange, ServerRuntime, Store } from '../ports.js';
import { applyBatch } from './apply-batch.js';
import type { PlanContext } from './commands/naming-command.js';
import { Committer } from './committer.js';
import { ExpiryScheduler } from './expiry-scheduler.js';
import { FormerNames } from './former-names.js';
import { Guarantees } from './guarantees.js';
import { HealthConsensus } from './health/health-consensus.js';
import type { RegistryKeys } from './identities.js';
import { Leases } from './leases.js';
import { LoadReports } from './load-reports.js';
import { LookupCache } from './lookup-cache.js';
import { LostChanges } from './lost-changes.js';
import { ownChangeOf } from './own-change.js';
import { decodeIdentity, type RegistryIdentity } from './registry-identity.js';
import { RegistryPosition } from './registry-position.js';
import { ScheduledChangeList } from './scheduled-change-list.js';
import { findRegistration } from './renew.js';
import { applyForeign } from './shared/apply-foreign.js';
import { ServerNames } from './shared/server-names.js';
import { SharedRegistry, type SharedContext } from './shared/shared-registry.js';
import { NamingState } from './state/naming-state.js';
import type { StateChange } from './state/records.js';
import { WatchHub } from './watch/watch-hub.js';

export interface NameServerOptions {
  readonly version: string;
  readonly logger?: Logger;
  /** Maximum number of endpoints per principal. Default 1,000. */
  readonly maxRegistrations?: number;
  /** Default 2,000,000. */
  readonly maxNames?: number;
  /** Maximum number of names that one principal has created. Default 100,000. */
  readonly maxNamesPerPrincipal?: number;
  /** Default 3,600,000. */
  readonly maxGuaranteedMs?: number;
  /** Maximum number of endpoints per service. Default 10,000. */
  readonly maxEndpoints?: number;
  /** Called when a principal has reached a limit, but its requests still succeed, so that it gets no error. */
  readonly onLimit?: (principal: string, error: ClerkError) => void;
  /** Default 10,000. */
  readonly maxReportsPerPrincipal?: number;
  /** Interval between heartbeats while a watch has no other events, in ms. Default 5,000. */
  readonly heartbeatMs?: number;
  /**
   * Maximum cost of publishing a batch at once; a more expensive batch is published in slices. Default 2,000, about 2
   * ms.
   */
  readonly maxUndividedCost?: number;
  /** Default: always true. */
  readonly isStartable?: (manifest: string) => boolean;
  readonly registryKeys?: RegistryKeys;
  readonly adopt?: boolean;
  /** Called for each change that no client has requested, such as the end of a lease. */
  readonly onOwnChange?: ((change: OwnChange) => void) | undefined;
}

/** Content of a store. `changes` has one change for each record, except for those of identity and revision. */
export interface StoredState {
  readonly identity: RegistryIdentity;
  /** Revision in the store before this process opened it. */
  readonly openedRevision: number;
  readonly revision: number;
  readonly changes: readonly StateChange[];
  /** Set in a registry with several servers. */
  readonly shared?: SharedContext | undefined;
}

/** The parts of a name server that its methods use. */
export interface NamingParts {
  readonly position: RegistryPosition;
  readonly state: NamingState;
  readonly leases: Leases;
  readonly loadReports: LoadReports;
  readonly lookups: LookupCache;
  readonly watchHub: WatchHub;
  readonly consensus: HealthConsensus;
  readonly scheduled: ScheduledChangeList;
  readonly expiry: ExpiryScheduler;
  readonly committer: Committer;
  readonly lostChanges: LostChanges;
  /** Undefined in a registry with one server. */
  readonly shared: SharedRegistry | undefined;
  /** Undefined in a registry with one server. */
  readonly servers: ServerNames | undefined;
  /** The queue for all work that is done in slices. */
  readonly slices: SliceQueue;
  /** Listeners that are called when a write has failed. Changes are rejected until the store recovers. */
  readonly storeListeners: Set<(failure: ClerkError) => void>;
}

/** Creates and connects the parts of a name server. The state is still empty, and no timer runs yet. */
export function connectParts(
  store: Store,
  runtime: ServerRuntime,
  options: NameServerOptions,
  stored: Pick<StoredState, 'identity' | 'revision' | 'shared'>,
  onForeignChanges: (changes: readonly StateChange[]) => void = noop,
): NamingParts {
  const storeListeners = new Set<(failure: ClerkError) => void>();
  const leases = new Leases();
  const loadReports = new LoadReports();
  const { identity, revision, shared: context } = stored;
  const freshness = context?.freshness;
  const position = new RegistryPosition(identity, revision, runtime);
  const state = new NamingState({
    onRegistered: (registration) => {
      servers?.onChanged(registration);
      expiry.onRegistered(registration);
    },
    onStatusApplied: (registration) => consensus.onStatusApplied(registration),
    onRemoved: (registration) => {
      servers?.onChanged(registration);
      leases.release(registration);
      consensus.onRemoved(registration);
    },
    onHeld: (registration) => {
      expiry.onRegistered(registration);
      // If the endpoint now renews its lease at this server, this server decides the status of the endpoint.
      consensus.onStatusApplied(registration);
    },
    onReport: ({ name, id, epoch, principal, clerk, verdict }) =>
      consensus.addReport(principal, { clerk, reports: [{ name, id, epoch, verdict }] }),
    onServer: (server, session) => shared?.onServer(server, session),
  });
  const shared: SharedRegistry | undefined =
    context &&
    new SharedRegistry({
      ...{ ...context, runtime, logger: options.logger, state, leases },
      expiry: () => expiry,
      committer: () => committer,
    });
  const servers: ServerNames | undefined =
    context &&
    shared &&
    new ServerNames({
      ...{ runtime, logger: options.logger, server: context.server, version: options.version },
      ...{ state, leases, consensus: () => consensus },
      ensureSession: () => shared.ensureSession(),
      isHeldHere: (holder) => shared.isHeldHere(holder),
      submit: (command) => committer.submit(() => command),
    });
  const guarantees = new Guarantees(state, runtime, new FormerNames(state), freshness);
  const scheduled = new ScheduledChangeList(state, guarantees, runtime);
  const slices = new SliceQueue(runtime);
  const lookups = new LookupCache({
    state,
    guarantees,
    scheduled,
    position,
    loadReports,
    clock: runtime,
    isStartable: options.isStartable ?? (() => true),
    freshness,
  });
  const watchHub = new WatchHub({
    state,
    lookups,
    guarantees,
    position,
    clock: runtime,
    slices,
    heartbeatMs: options.heartbeatMs ?? limits.heartbeatMs,
    maxUndividedCost: options.maxUndividedCost,
    servers,
  });
  const planContext: PlanContext = {
    remainingGuaranteeMs: (name, record) => guarantees.remainingMs(name, record),
    now: () => runtime.now(),
    wallNow: () => runtime.wallNow(),
    hashing: runtime,
    server: context?.server,
    isServerGone: shared && ((server) => shared.isGone(server)),
    maxRegistrations: options.maxRegistrations ?? limits.maxRegistrations,
    maxEndpoints: options.maxEndpoints ?? limits.maxEndpoints,
    maxNames: options.maxNames ?? limits.maxNames,
    maxNamesPerPrincipal: options.maxNamesPerPrincipal ?? limits.maxNamesPerPrincipal,
    maxGuaranteedMs: options.maxGuaranteedMs ?? limits.maxGuaranteedMs,
  };
  const onIdentityChanged = (next: RegistryIdentity): void => {
    const isNewIncarnation = next.incarnation !== position.incarnation;
    position.changeIdentity(next);
    if (!isNewIncarnation) return;
    lookups.clear();
    guarantees.restart();
    watchHub.resync('the registry has a new incarnation, because its data lacks earlier changes');
  };
  const committer: Committer = new Committer({
    store,
    shared: context?.replica && {
      write: (changes, nextRevision, isBulk) => context.replica.append(changes, nextRevision, isBulk),
      isAtHead: () => context.replica.isAtHead(),
      catchUp: () => context.replica.catchUp(),
      yieldTurn: () => context.replica.yieldTurn(),
    },
    clock: runtime,
    view: state,
    planContext,
    slices,
    revision: () => position.revision,
    onWriting: (written) => {
      for (const change of written) if (change.kind === 'entry') guarantees.beginWrite(change.name);
    },
    onWriteCancelled: () => guarantees.endWrite(),
    applyBatch: (batch, written, nextRevision) => {
      guarantees.endWrite();
      const targets = {
        state,
        position,
        expiry,
        watchHub,
        onApplied: () => position.onSaved(),
      };
      applyBatch(targets, batch, written, nextRevision);
      const next = batch.find((plan) => plan.identity !== undefined)?.identity;
      if (next !== undefined) onIdentityChanged(next);
    },
    applyUnsaved: (unsaved, nextRevision) => {
      const targets = { state, position, expiry, watchHub };
      applyBatch(targets, [unsaved], unsaved.changes, nextRevision);
    },
    onFailure: (failure) => {
      options.logger?.error(
        `${failure.message}. Lookups continue. If the store is a data folder, they do not show ended endpoints`,
      );
      for (const listener of storeListeners) listener(failure);
    },
    onRecovered: () => {
      guarantees.endWrite();
      position.onSaved();
      expiry.onStoreRecovered();
      options.logger?.warn(
        'The store of the registry can be written again. The server accepts changes again',
      );
    },
    onChanged:
      options.onOwnChange &&
      ((command, result) => {
        const change = ownChangeOf(command, result);
        if (change !== undefined) options.onOwnChange?.(change);
      }),
  });
  const { maxReportsPerPrincipal = limits.maxStoredReports } = options;
  const consensus: HealthConsensus = new HealthConsensus({
    clock: runtime,
    findRegistration: (name, id) => findRegistration(state, name, id),
    submit: (prepare) => committer.submit(prepare, { endsEndpoints: true }).then(noop, noop),
    judges: shared && ((registration) => shared.endsHere(registration)),
    maxReportsPerPrincipal,
    onReportLimit: (principal) => options.onLimit?.(principal, reportLimitError(maxReportsPerPrincipal)),
  });
  const expiry: ExpiryScheduler = new ExpiryScheduler({
    clock: runtime,
    state,
    leases,
    consensus,
    guarantees,
    holders: shared,
    submit: (prepare, endsEndpoints = false) =>
      committer.submit(prepare, { atFront: true, endsEndpoints }).then(noop, noop),
  });
  const lostChanges = new LostChanges({
    runtime,
    position,
    logger: options.logger,
    highestEpoch: () => state.highestEpoch(),
    isSecured: () => state.identities.keyCount > 0,
    submit: (prepare) => committer.submit(prepare, { atFront: true }),
    shared: shared && { catchUp: () => shared.catchUp(), onBehind: () => shared.freshness.markBehind() },
  });
  context?.replica.observe({
    onBatch: ({ changes, revision: nextRevision, isBulk }) => {
      const targets = { state, position, expiry, watchHub, onApplied: () => position.onSaved() };
      applyForeign(targets, guarantees, changes, nextRevision, isBulk);
      if (changes.some(({ kind }) => kind === 'registry'))
        onIdentityChanged(decodeIdentity(context.replica.records, runtime));
      onForeignChanges(changes);
    },
    onReplaced: (changes, nextRevision, isOther) => {
      const before = position.saved;
      // Revisions of a different history would mislead the watches. They receive a resync with the new incarnation.
      const targets = { state, position, expiry, onApplied: () => position.onSaved() };
      const hub = isOther ? { publish: noop } : watchHub;
      applyForeign({ ...targets, watchHub: hub }, guarantees, changes, nextRevision, true);
      onIdentityChanged(decodeIdentity(context.replica.records, runtime));
      onForeignChanges(changes);
      if (isOther) lostChanges.onLogReplaced(before);
    },
  });
  return {
    position,
    state,
    leases,
    loadReports,
    lookups,
    watchHub,
    consensus,
    expiry,
    scheduled,
    committer,
    lostChanges,
    shared,
    servers,
    slices,
    storeListeners,
  };
}

function noop(): void {
  // A command of a timer or of a health review is rejected only when the store cannot be written or the server closes.
  // Both are reported elsewhere.
}

/** Returns the error for the log of the operator. Clients do not get it, because all reports have the same response. */
function reportLimitError(maxReports: number): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `The server stores at most ${maxReports} health reports per principal and ${limits.maxStoredReportsOfAll} in total, and ignores further reports`,
  );
}
