import type { ExpiryScheduler } from './expiry-scheduler.js';
import type { NamingState } from './state/naming-state.js';
import type { StateChange } from './state/records.js';
import type { WatchHub } from './watch/watch-hub.js';

export interface BatchTargets {
  readonly state: NamingState;
  readonly position: { revision: number };
  readonly expiry: ExpiryScheduler;
  readonly watchHub: Pick<WatchHub, 'publish'>;
  readonly onApplied?: () => void;
}

export interface AppliedPlan {
  readonly changes: readonly StateChange[];
  /** Time until the pending change of the entry applies, in ms. Default: the remaining guarantee of the entry. */
  readonly appliesInMs?: number;
}

export function applyBatch(
  { state, position, expiry, watchHub, onApplied }: BatchTargets,
  batch: readonly AppliedPlan[],
  changes: readonly StateChange[],
  revision: number,
  isBulk = batch.some(changesSeveralNames),
): void {
  const previousRevision = position.revision;
  const { entries } = state;
  const versions = new Map<string, number | undefined>();
  for (const change of changes)
    if (isVisible(change) && !versions.has(change.name))
      versions.set(change.name, entries.get(change.name)?.version);
  for (const change of changes) state.apply(change);
  if (isBulk) state.bulkVersion++;
  position.revision = revision;
  onApplied?.();
  // Time until the pending change of each entry applies, according to the last plan that changes the entry.
  const waits = new Map<string, number | undefined>();
  for (const plan of batch)
    for (const change of plan.changes) if (change.kind === 'entry') waits.set(change.name, plan.appliesInMs);
  const changedNames = new Set<string>();
  for (const plan of batch)
    for (const change of plan.changes) {
      if (!isVisible(change)) continue;
      expiry.onEntryChanged(change.name, waits.get(change.name));
      if (entries.get(change.name)?.version === versions.get(change.name)) continue;
      changedNames.add(change.name);
      if (change.kind === 'entry' && change.record?.kind === 'directory')
        changedNames.add(`/${change.record.id}`);
    }
  expiry.onBatchApplied();
  watchHub.publish(changedNames, previousRevision);
}

/**
 * Whether a plan changes several names. Work that reads names in slices must restart after such a plan, because it
 * would otherwise combine names from before and from after the plan.
 */
export function changesSeveralNames({ changes }: AppliedPlan): boolean {
  let name: string | undefined;
  for (const change of changes) {
    if (change.kind !== 'entry') continue;
    if (name !== undefined && change.name !== name) return true;
    name = change.name;
  }
  return false;
}

function isVisible(
  change: StateChange,
): change is Extract<StateChange, { kind: 'entry' | 'endpoint' | 'status' }> {
  return change.kind === 'entry' || change.kind === 'endpoint' || change.kind === 'status';
}
