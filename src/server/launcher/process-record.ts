/** The record of a start, as it has come to be. */
import type { LaunchRecord } from '../ports.js';
import type { LauncherContext } from './launcher-context.js';

/** What is recorded of a start by now; undefined when nothing is any more. */
export function currentRecord(
  { names }: Pick<LauncherContext, 'names'>,
  launch: LaunchRecord,
): LaunchRecord | undefined {
  return names.launches
    .all()
    .find(({ name, instance }) => name === launch.name && instance === launch.instance);
}

/**
 * Writes down which process a start has become, for the next server of this host. What else its record has come to say
 * in the meantime, such as that its ticket was used, stays.
 */
export async function recordProcess(
  context: Pick<LauncherContext, 'names'>,
  launch: LaunchRecord,
  pid: number,
  identity: string | undefined,
): Promise<void> {
  const record = currentRecord(context, launch) ?? launch;
  await context.names.launches.update({ ...record, state: 'running', pid, startTicks: identity });
}
