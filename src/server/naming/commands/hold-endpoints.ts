import type { NamingView } from '../state/naming-view.js';
import type { StateChange } from '../state/records.js';
import type { EndpointRef, Plan } from './naming-command.js';

/**
 * Makes `server` the holder of the endpoints: the server at which they renew their leases. Skips an endpoint that has
 * ended, is draining, or has registered again with another epoch.
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
