import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import type { Plan, StatusChange } from './naming-command.js';

export function setStatuses(view: NamingView, statusChanges: readonly StatusChange[]): Plan {
  const changes: StateChange[] = [];
  for (const { name, id, epoch, status } of statusChanges) {
    const current = view.endpoint(name, id);
    if (current?.epoch === epoch && !current.draining)
      changes.push({ kind: 'status', name, id, epoch, status });
  }
  return { changes, appliesInMs: 0 };
}
