/**
 * What an earlier server of this host has started, as its records tell. A process is recognised by its id together with
 * the instant it began, which no later one shares; of a start that was intended and not written down as made, the
 * process is looked for by its mark, and where none is found it may still come, until its time to register is over.
 *
 * @see promises C6.2
 */
import { errorMessage } from '../../core/errors.js';
import type { LaunchRecord } from '../ports.js';
import { unknownProcess, adoptedProcess, exitedProcess, type ProcessHandle } from './process-handle.js';
import { instanceMarker } from './stop-processes.js';
import { recordProcess } from './process-record.js';
import type { LauncherContext } from './launcher-context.js';

/** What has become of it. `unknowable`: it did register, and this host cannot tell which process it is. */
export type RecoveredLaunch =
  | { readonly kind: 'running' | 'lost' | 'doubtful'; readonly handle: ProcessHandle }
  | { readonly kind: 'unknowable' };

/** Looks for the process of a record. */
export async function recoverLaunch(
  context: LauncherContext,
  record: LaunchRecord,
): Promise<RecoveredLaunch> {
  const { processes, runtime } = context;
  if (record.state === 'running' && record.pid !== undefined) {
    if (record.startTicks === undefined) return { kind: 'unknowable' };
    if (processes.identityOf(record.pid) !== record.startTicks)
      return { kind: 'lost', handle: exitedProcess };
    return { kind: 'running', handle: adoptedProcess(processes, runtime, record.pid, record.startTicks) };
  }
  const pid = await processes.findGroupLeader(instanceMarker(record));
  const identity = pid === undefined ? undefined : processes.identityOf(pid);
  if (pid === undefined || identity === undefined)
    return record.redeemed ? { kind: 'unknowable' } : { kind: 'doubtful', handle: unknownProcess };
  await recordProcess(context, record, pid, identity).catch((error: unknown) =>
    context.logger.warn(`The process of ${record.name} cannot be written down: ${errorMessage(error)}`),
  );
  return { kind: 'running', handle: adoptedProcess(processes, runtime, pid, identity) };
}
