/**
 * Brings a process up. What it gets is what the operator's manifest says, the checked parameters, its name as the last
 * word, and one line on its standard input; nothing of the server's own environment that was not let through.
 *
 * @see Tcl-DP T6, T9; promises A20
 */
import type { SpawnedProcess } from '../../core/processes.js';
import type { LaunchHandshake } from '../../protocol/messages.js';
import type { LaunchRecord } from '../ports.js';
import type { Manifest } from './manifest.js';
import type { LauncherContext } from './launcher-context.js';
import { instanceMarker } from './stop-processes.js';

const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/** The secret halves that are made for one start. */
export interface TicketPair {
  readonly ticket: string;
  readonly registryKey: string;
}

/** Makes a pair: 32 random bytes each. */
export function createTicketPair({ runtime }: Pick<LauncherContext, 'runtime'>): TicketPair {
  return { ticket: runtime.randomHex(32), registryKey: runtime.randomHex(32) };
}

/**
 * Starts the process of a record.
 *
 * @param args - the manifest's, filled
 * @throws whatever the host says
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
    // No segment of a name has a dot, so no two names share a file.
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
