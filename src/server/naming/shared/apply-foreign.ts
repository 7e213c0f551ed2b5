import { applyBatch, type BatchTargets } from '../apply-batch.js';
import type { Guarantees } from '../guarantees.js';
import type { StateChange } from '../state/records.js';

/**
 * The server that scheduled a change applies the change. Other servers wait for this additional time, in ms, and apply
 * the change only if that server has not applied it.
 */
const graceMs = 2_000;

/** Applies a batch that another server has written. */
export function applyForeign(
  targets: BatchTargets,
  guarantees: Guarantees,
  changes: readonly StateChange[],
  revision: number,
  isBulk: boolean,
): void {
  // Each change of an entry becomes its own plan, because entries may be frozen for different times.
  const plans = changes.map((change) => {
    if (change.kind !== 'entry' || change.record?.pending === undefined) return { changes: [change] };
    // The batch may replace the pending change that this server knows, so the time of that change is removed.
    guarantees.unfreeze(change.name);
    const { guaranteedMs } = change.record;
    return { changes: [change], appliesInMs: guarantees.longestMs(guaranteedMs) + graceMs };
  });
  applyBatch(targets, plans, changes, revision, isBulk);
}
