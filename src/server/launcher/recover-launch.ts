import { errorMessage } from '../../core/errors.js';
import type { LaunchRecord } from '../ports.js';
import { unknownProcess, adoptedProcess, exitedProcess, type ProcessHandle } from './process-handle.js';
import { instanceMarker } from './stop-processes.js';
import { recordProcess } from './process-record.js';
import type { LauncherContext } from './launcher-context.js';

/**
 * State of a recorded launch:
 * - `running`: the process was found.
 * - `exited`: the process has ended.
 * - `unconfirmed`: no process was found, but the service can still register until `readyMs` has passed.
 * - `unidentifiable`: the process may run, but the launcher cannot identify it.
 */
type RecoveredLaunch =
  | { readonly kind: 'running' | 'exited' | 'unconfirmed'; readonly handle: ProcessHandle }
  | { readonly kind: 'unidentifiable' };

/**
 * Finds the process of a recorded launch by pid and start time. Without a recorded pid, finds it by the marker in the
 * environment of the process.
 *
 * @see [C6.2](../../../docs/guarantees.md#c6-2)
 */
export async function recoverLaunch(
  context: LauncherContext,
  record: LaunchRecord,
): Promise<RecoveredLaunch> {
  const { processes, runtime } = context;
  if (record.state === 'running' && record.pid !== undefined) {
    if (record.startTicks === undefined) return { kind: 'unidentifiable' };
    if (processes.identityOf(record.pid) !== record.startTicks)
      return { kind: 'exited', handle: exitedProcess };
    return { kind: 'running', handle: adoptedProcess(processes, runtime, record.pid, record.startTicks) };
  }
  const handle = await findLaunched(context, record);
  if (handle !== undefined) return { kind: 'running', handle };
  return record.redeemed ? { kind: 'unidentifiable' } : { kind: 'unconfirmed', handle: unknownProcess };
}

export async function findLaunched(
  context: LauncherContext,
  record: LaunchRecord,
): Promise<ProcessHandle | undefined> {
  const { processes, runtime, logger } = context;
  const pid = await processes.findGroupLeader(instanceMarker(record));
  const identity = pid === undefined ? undefined : processes.identityOf(pid);
  if (pid === undefined || identity === undefined) return undefined;
  await recordProcess(context, record, pid, identity).catch((error: unknown) =>
    logger.warn(
      `Could not record the process of ${record.name} (${record.instance}): ${errorMessage(error)}`,
    ),
  );
  return adoptedProcess(processes, runtime, pid, identity);
}
