import type { NamingView } from '../state/naming-view.js';
import type { Fence, StateChange } from '../state/records.js';
import { fenceOf, fenceOff } from './fencing.js';
import type { EndpointRef, Plan } from './naming-command.js';

export function expireEndpoints(view: NamingView, endpoints: readonly EndpointRef[]): Plan {
  const byName = new Map<string, (Fence & { readonly id: string })[]>();
  const changes: StateChange[] = [];
  for (const { name, id, epoch } of endpoints) {
    const current = view.endpoint(name, id);
    if (current?.epoch !== epoch) continue;
    changes.push({ kind: 'endpoint', name, id, record: undefined });
    const removed = byName.get(name) ?? [];
    byName.set(name, removed);
    removed.push({ id, ...fenceOf(current, current.draining) });
  }
  for (const [name, removed] of byName) changes.push(...fenceOff(view, name, removed));
  return { changes, appliesInMs: 0 };
}
