import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { SliceQueue } from '../../core/slice-queue.js';
import { limits } from '../../protocol/limits.js';
import type { OwnChange, ServerRuntime, Store } from '../ports.js';
import { applyBatch } from './apply-batch.js';
import type { PlanContext } from './commands/naming-command.js';
import { Committer } from './committer.js';
import { ExpiryScheduler } from './expiry-scheduler.js';
import { Guarantees } from './guarantees.js';
import { HealthConsensus } from './health/health-consensus.js';
import type { RegistryKeys } from './identities.js';
import { Leases } from './leases.js';
import { LoadReports } from './load-reports.js';
import { LookupCache } from './lookup-cache.js';
import { LostChanges } from './lost-changes.js';
import { ownChangeOf } from './own-change.js';
import type { RegistryIdentity } from './registry-identity.js';
import { RegistryPosition } from './registry-position.js';
import { findRegistration } from './renew.js';
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
  /** Called when a principal has reached a limit, and gets no error. */
  readonly onLimit?: (principal: string, error: ClerkError) => void;
  /** Default 10,000. */
  readonly maxReportsPerPrincipal?: number;
  /** Interval between heartbeats while a watch has no other events, in ms. Default 5,000. */
  readonly heartbeatMs?: number;
  /** Changes that cost more to send to all watches are sent in slices. Default 2,000, about 2 ms. */
  readonly maxUndividedCost?: number;
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
  /** Revision in the store before this run. */
  readonly openedRevision: number;
  readonly revision: number;
  readonly changes: readonly StateChange[];
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
  readonly expiry: ExpiryScheduler;
  readonly committer: Committer;
  readonly lostChanges: LostChanges;
  /** For all work that is done in slices. */
  readonly slices: SliceQueue;
  /** Called when a write has failed. Changes are then rejected until the store recovers. */
  readonly storeListeners: Set<(failure: ClerkError) => void>;
}

/** Creates the parts of a name server, and connects them. The state is empty, and no timer runs. */
export function connectParts(
  store: Store,
  runtime: ServerRuntime,
  options: NameServerOptions,
  stored: Pick<StoredState, 'identity' | 'revision'>,
): NamingParts {
  const storeListeners = new Set<(failure: ClerkError) => void>();
  const leases = new Leases();
  const loadReports = new LoadReports();
  const { identity, revision } = stored;
  const position = new RegistryPosition(identity, revision, runtime);
  const state = new NamingState({
    onRegistered: (registration) => expiry.onRegistered(registration),
    onStatusApplied: (registration) => consensus.onStatusApplied(registration),
    onRemoved: (registration) => {
      leases.release(registration);
      consensus.onRemoved(registration);
    },
  });
  const guarantees = new Guarantees(state, runtime);
  const slices = new SliceQueue(runtime);
  const lookups = new LookupCache({
    state,
    guarantees,
    position,
    loadReports,
    clock: runtime,
    isStartable: options.isStartable ?? (() => true),
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
  });
  const planContext: PlanContext = {
    remainingGuaranteeMs: (name, guaranteedMs) => guarantees.remainingMs(name, guaranteedMs),
    now: () => runtime.now(),
    wallNow: () => runtime.wallNow(),
    hashing: runtime,
    maxRegistrations: options.maxRegistrations ?? limits.maxRegistrations,
    maxEndpoints: options.maxEndpoints ?? limits.maxEndpoints,
    maxNames: options.maxNames ?? limits.maxNames,
    maxNamesPerPrincipal: options.maxNamesPerPrincipal ?? limits.maxNamesPerPrincipal,
    maxGuaranteedMs: options.maxGuaranteedMs ?? limits.maxGuaranteedMs,
  };
  const committer: Committer = new Committer({
    store,
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
      if (next === undefined) return;
      position.changeIdentity(next);
      lookups.clear();
      guarantees.restart();
      watchHub.resync('the registry has a new incarnation, because its data lacks earlier changes');
    },
    applyUnsaved: (unsaved, nextRevision) => {
      const targets = { state, position, expiry, watchHub };
      applyBatch(targets, [unsaved], unsaved.changes, nextRevision);
    },
    onFailure: (failure) => {
      options.logger?.error(`${failure.message}. Lookups continue, and ended endpoints are removed`);
      for (const listener of storeListeners) listener(failure);
    },
    onRecovered: () => {
      guarantees.endWrite();
      position.onSaved();
      expiry.onStoreRecovered();
      options.logger?.warn('The store of the registry can be written again. Changes are accepted again');
    },
    onChanged:
      options.onOwnChange &&
      ((command, result) => {
        const change = ownChangeOf(command, result);
        if (change !== undefined) options.onOwnChange?.(change);
      }),
  });
  const { maxReportsPerPrincipal = limits.maxStoredReports } = options;
  const consensus = new HealthConsensus({
    clock: runtime,
    findRegistration: (name, id) => findRegistration(state, name, id),
    submit: (prepare) => committer.submit(prepare, { endsEndpoints: true }).then(noop, noop),
    maxReportsPerPrincipal,
    onReportLimit: (principal) => options.onLimit?.(principal, reportLimitError(maxReportsPerPrincipal)),
  });
  const expiry = new ExpiryScheduler({
    clock: runtime,
    state,
    leases,
    consensus,
    guarantees,
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
    committer,
    lostChanges,
    slices,
    storeListeners,
  };
}

function noop(): void {
  // A command of a timer or review fails only when the store cannot be written or the server closes.
}

/** Only the operator gets this error. Every report of a client gets the same response. */
function reportLimitError(maxReports: number): ClerkError {
  return new ClerkError(
    'LIMIT_EXCEEDED',
    `At most ${maxReports} health reports of one principal and ${limits.maxStoredReportsOfAll} of all are counted; further reports are ignored`,
  );
}
