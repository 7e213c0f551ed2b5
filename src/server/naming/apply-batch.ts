/** What is durable becomes what is seen: the tables take it, time follows, and those who watch are told. */
import type { BatchEntry } from './committer.js';
import type { WatchHub } from './watch/watch-hub.js';
import type { StateChange } from './state/records.js';
import type { NamingState } from './state/naming-state.js';
import type { ExpiryScheduler } from './expiry-scheduler.js';

/** What is told of a batch. */
export interface BatchTargets {
  readonly state: NamingState;
  readonly position: { revision: number };
  readonly expiry: ExpiryScheduler;
  readonly watchHub: WatchHub;
}

/** Takes over a batch that is durable, of which `changes` are all. */
export function applyBatch(
  { state, position, expiry, watchHub }: BatchTargets,
  batch: readonly BatchEntry[],
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
  position.revision = revision;
  // How long an entry waits only its own last change says, not what else of its name is in the batch.
  const waits = new Map<string, number>();
  for (const { plan } of batch)
    for (const change of plan.changes) if (change.kind === 'entry') waits.set(change.name, plan.inMs);
  const changedNames = new Set<string>();
  for (const { plan } of batch)
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

/** Whether look-ups may show it. */
function isVisible(
  change: StateChange,
): change is Extract<StateChange, { kind: 'entry' | 'endpoint' | 'mark' }> {
  return change.kind === 'entry' || change.kind === 'endpoint' || change.kind === 'mark';
}
