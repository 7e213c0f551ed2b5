import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import type { EndpointRef, Plan } from './naming-command.js';

/**
 * Makes a server the one at which endpoints renew. Skips endpoints that have ended, drain, or registered again with
 * another epoch.
 */
export function holdEndpoints(view: NamingView, endpoints: readonly EndpointRef[], server: string): Plan {
  const changes: StateChange[] = [];
  for (const { name, id, epoch } of endpoints) {
    const current = view.endpoint(name, id);
    if (current?.epoch === epoch && !current.draining && current.holder !== server)
      changes.push({ kind: 'holder', name, id, server });
  }
  return { changes, appliesInMs: 0 };
}
