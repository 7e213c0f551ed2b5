import type { LaunchRecord } from '../ports.js';
import type { LauncherContext } from './launcher-context.js';

/** Returns the stored record of a launch, which may be newer than `launch`; undefined after its removal. */
export function currentRecord(
  { names }: Pick<LauncherContext, 'names'>,
  launch: LaunchRecord,
): LaunchRecord | undefined {
  return names.launches
    .all()
    .find(({ name, instance }) => name === launch.name && instance === launch.instance);
}

/** Saves the process id in the launch record, so that a restarted server finds the process. */
export async function recordProcess(
  context: Pick<LauncherContext, 'names'>,
  launch: LaunchRecord,
  pid: number,
  identity: string | undefined,
): Promise<void> {
  const record = currentRecord(context, launch) ?? launch;
  await context.names.launches.update({ ...record, state: 'running', pid, startTicks: identity });
}
