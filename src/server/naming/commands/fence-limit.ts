import { limits } from '../../../protocol/limits.js';
import { fenceKey, type FenceRef } from '../state/fence-index.js';
import type { NamingView } from '../state/naming-view.js';
import type { Fence, StateChange } from '../state/records.js';
import type { Plan, PlanContext } from './naming-command.js';

/** Maximum fences of a principal, as a multiple of `maxRegistrations`. */
const fencesPerRegistration = 10;
/** A plan removes at most as many fences as it changes, plus this number. This bounds the time of a plan. */
const maxExtraDrops = 100;

/**
 * Extends a plan so that it also removes the oldest fences: first those above the limit of each principal, then those
 * above the limit of the registry. An instance whose fence was removed cannot resume its epoch, and gets a new epoch at
 * its next registration. A delayed request with the old epoch is rejected even so.
 *
 * @see [C5.6](../../../../docs/guarantees.md#c5-6)
 */
export function limitFences(view: NamingView, planned: Plan, { maxRegistrations }: PlanContext): Plan {
  const touched = new Map<string, Fence | undefined>();
  const before = new Map<string, Fence | undefined>();
  for (const change of planned.changes) {
    if (change.kind !== 'fence') continue;
    const key = fenceKey(change.name, change.id);
    if (!touched.has(key)) before.set(key, view.fences(change.name).get(change.id));
    touched.set(key, change.record);
  }
  const added = new Map<string, number>();
  let addedTotal = 0;
  const count = (fence: Fence | undefined, sign: 1 | -1): void => {
    if (fence === undefined) return;
    addedTotal += sign;
    added.set(fence.principal ?? '', (added.get(fence.principal ?? '') ?? 0) + sign);
  };
  for (const fence of before.values()) count(fence, -1);
  for (const fence of touched.values()) count(fence, 1);
  if (touched.size === 0 || ![...added.values()].some((each) => each > 0)) return planned;

  const dropped: StateChange[] = [];
  const drop = (oldest: Iterable<FenceRef>, excess: number): void => {
    let left = Math.min(excess, touched.size + maxExtraDrops);
    if (left <= 0) return;
    for (const [name, id] of oldest) {
      const key = fenceKey(name, id);
      if (touched.has(key)) continue;
      touched.set(key, undefined);
      count(view.fences(name).get(id), -1);
      dropped.push({ kind: 'fence', name, id, record: undefined });
      if (--left === 0) return;
    }
  };
  const maxOfPrincipal = fencesPerRegistration * maxRegistrations;
  for (const [principal, change] of [...added])
    if (change > 0)
      drop(view.oldestFences(principal), view.fenceCountOf(principal) + change - maxOfPrincipal);
  drop(view.oldestFences(), view.fenceCount + addedTotal - Math.max(limits.maxFences, maxOfPrincipal));
  return dropped.length === 0 ? planned : { ...planned, changes: [...planned.changes, ...dropped] };
}
