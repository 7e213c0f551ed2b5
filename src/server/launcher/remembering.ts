/** The record of a start, as it has come to be. */
import type { LaunchRecord } from '../ports.js';
import type { Site } from './site.js';

/** What is recorded of a start by now; undefined when nothing is any more. */
export function recordNow({ names }: Pick<Site, 'names'>, start: LaunchRecord): LaunchRecord | undefined {
  return names.launches
    .all()
    .find(({ name, instance }) => name === start.name && instance === start.instance);
}

/**
 * Writes down which process a start has become, for the next server of this host. What else its record has come to say
 * in the meantime, such as that its ticket was used, stays.
 */
export async function remembered(
  site: Pick<Site, 'names'>,
  start: LaunchRecord,
  pid: number,
  identity: string | undefined,
): Promise<void> {
  const record = recordNow(site, start) ?? start;
  await site.names.launches.update({ ...record, state: 'running', pid, startedTicks: identity });
}
