import { basename } from 'node:path';
import type { SpawnedProcess } from '../../core/processes.js';
import type { LaunchHandshake } from '../../protocol/launch-messages.js';
import type { LaunchRecord } from '../ports.js';
import type { Manifest } from './manifest.js';
import type { LauncherContext } from './launcher-context.js';
import { logFileOf } from './log-size-monitor.js';
import { instanceMarker } from './stop-processes.js';

export const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/**
 * Secrets of one launch. `ticket` proves to the registry that the service is the launched one. `registryKey` proves
 * the registry to the service.
 */
interface LaunchSecrets {
  readonly ticket: string;
  readonly registryKey: string;
}

/**
 * Starts the process of a recorded launch. The program receives `args` and the service name as arguments, and the
 * handshake as one line on standard input. Of the environment of the server, it receives only the variables that the
 * manifest lists.
 *
 * @throws the error of the operating system when the program cannot be started
 * @see [T6](../../../docs/background.md#t6), [T9](../../../docs/background.md#t9),
 * [A20](../../../docs/guarantees.md#a20)
 */
export function spawnService(
  context: LauncherContext,
  manifest: Manifest,
  args: readonly string[],
  record: LaunchRecord,
  { ticket, registryKey }: LaunchSecrets,
): Promise<SpawnedProcess> {
  const { name, instance, epoch } = record;
  const formerNames = context.names.formerNames(name);
  const handshake: LaunchHandshake = {
    v: 1,
    registry: context.registryUrls(),
    name,
    instance,
    epoch,
    ticket,
    registryKey,
    ...(formerNames.length > 0 && { formerNames }),
  };
  return context.processes.spawn({
    file: manifest.programPath,
    argv0: manifest.exec,
    args: [...args, name],
    env: buildEnvironment(context, manifest, record),
    cwd: manifest.cwd,
    ...(manifest.runAs && { user: manifest.runAs }),
    stdin: `${JSON.stringify(handshake)}\n`,
    logFile: logFileOf(context, name),
    maxLogFiles: manifest.maxLogFiles,
  });
}

function buildEnvironment(
  { processes, logger }: LauncherContext,
  { env, file }: Manifest,
  record: LaunchRecord,
): Record<string, string> {
  const passed = env.flatMap((name) => {
    const value = processes.env(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const unset = env.filter((name) => processes.env(name) === undefined);
  if (unset.length > 0)
    logger.warn(
      `${record.name} starts without ${unset.join(', ')}, because the environment of the server does not have ${unset.length === 1 ? 'this variable' : 'these variables'}; set ${unset.length === 1 ? 'it' : 'them'} for the server, or remove ${unset.length === 1 ? 'it' : 'them'} from env in ${basename(file)}`,
    );
  const [markerName, marker] = instanceMarker(record).split('=') as [string, string];
  const own = { CLERK_LAUNCHED: '1', CLERK_INSTANCE: record.instance, [markerName]: marker };
  return { PATH: defaultPath, ...Object.fromEntries(passed), ...own };
}
