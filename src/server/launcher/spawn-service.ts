import type { SpawnedProcess } from '../../core/processes.js';
import type { LaunchHandshake } from '../../protocol/messages.js';
import type { LaunchRecord } from '../ports.js';
import type { Manifest } from './manifest.js';
import type { LauncherContext } from './launcher-context.js';
import { instanceMarker } from './stop-processes.js';

const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/**
 * Secrets of one launch. The service proves its identity with `ticket`, and the registry proves its identity with
 * `registryKey`.
 */
export interface TicketPair {
  readonly ticket: string;
  readonly registryKey: string;
}

/** Creates two secrets of 32 random bytes each. */
export function createTicketPair({ runtime }: Pick<LauncherContext, 'runtime'>): TicketPair {
  return { ticket: runtime.randomHex(32), registryKey: runtime.randomHex(32) };
}

/**
 * Starts the process of a recorded launch. The command line has the arguments of the manifest, then the name of the
 * service. The process receives the handshake as one line on standard input. Of the environment variables of the
 * server, the process gets only the variables that the manifest lists.
 *
 * @param args - arguments of the manifest, with all placeholders filled
 * @throws the error of the host when the program cannot be started
 * @see [T6](../../../docs/background.md#t6), [T9](../../../docs/background.md#t9)
 * @see [A20](../../../docs/guarantees.md#a20)
 */
export function spawnService(
  context: LauncherContext,
  manifest: Manifest,
  args: readonly string[],
  record: LaunchRecord,
  { ticket, registryKey }: TicketPair,
): Promise<SpawnedProcess> {
  const { name, instance, epoch } = record;
  const handshake: LaunchHandshake = {
    v: 1,
    registry: context.registryUrls(),
    name,
    instance,
    epoch,
    ticket,
    registryKey,
  };
  return context.processes.spawn({
    file: manifest.programPath,
    argv0: manifest.exec,
    args: [...args, name],
    env: buildEnvironment(context, manifest, record),
    cwd: manifest.cwd,
    ...(manifest.runAs && { user: manifest.runAs }),
    stdin: `${JSON.stringify(handshake)}\n`,
    // Each `/` of the name becomes a dot. Names contain no dots, so two names never share a log file.
    logFile: context.logs && `${context.logs}/${name.slice(1).replaceAll('/', '.')}.log`,
  });
}

function buildEnvironment(
  { processes }: LauncherContext,
  { env }: Manifest,
  record: LaunchRecord,
): Record<string, string> {
  const passed = env.flatMap((name) => {
    const value = processes.env(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const [markerName, instance] = instanceMarker(record).split('=') as [string, string];
  return { PATH: defaultPath, ...Object.fromEntries(passed), CLERK_LAUNCHED: '1', [markerName]: instance };
}
