import type { Plan } from './commands/naming-command.js';
import type { ExpiryScheduler } from './expiry-scheduler.js';
import type { NamingState } from './state/naming-state.js';
import type { StateChange } from './state/records.js';
import type { WatchHub } from './watch/watch-hub.js';

export interface BatchTargets {
  readonly state: NamingState;
  readonly position: { revision: number };
  readonly expiry: ExpiryScheduler;
  readonly watchHub: WatchHub;
  readonly onApplied?: () => void;
}

export function applyBatch(
  { state, position, expiry, watchHub, onApplied }: BatchTargets,
  batch: readonly Plan[],
  changes: readonly StateChange[],
  revision: number,
): void {
  const previousRevision = position.revision;
  const { entries } = state;
  const versions = new Map<string, number | undefined>();
  for (const change of changes)
    if (isVisible(change) && !versions.has(change.name))
      versions.set(change.name, entries.get(change.name)?.version);
  for (const change of changes) state.apply(change);
  if (batch.some(changesSeveralNames)) state.bulkVersion++;
  position.revision = revision;
  onApplied?.();
  // Time until the pending change of each entry applies. The last plan for an entry decides.
  const waits = new Map<string, number>();
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

/** Work that reads names in slices must see all changes of such a plan, or none. */
function changesSeveralNames({ changes }: Plan): boolean {
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
