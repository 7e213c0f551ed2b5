/**
 * Brings a process up. What it gets is what the operator's manifest says, the checked parameters, its name as the last
 * word, and one line on its standard input; nothing of the server's own environment that was not let through.
 *
 * @see Tcl-DP T6, T9; promises A20
 */
import type { SpawnedProcess } from '../../core/processes.js';
import type { LaunchLine } from '../../wire/messages.js';
import type { LaunchRecord } from '../ports.js';
import type { Manifest } from './manifest.js';
import type { Site } from './site.js';
import { markOf } from './ending.js';

const path = '/usr/local/bin:/usr/bin:/bin';

/** The secret halves that are made for one start. */
export interface Pair {
  readonly ticket: string;
  readonly registryKey: string;
}

/** Makes a pair: 32 random bytes each. */
export function newPair({ runtime }: Pick<Site, 'runtime'>): Pair {
  return { ticket: runtime.randomHex(32), registryKey: runtime.randomHex(32) };
}

/**
 * Starts the process of a record.
 *
 * @param args - the manifest's, filled
 * @throws whatever the host says
 */
export function spawnedFor(
  site: Site,
  manifest: Manifest,
  args: readonly string[],
  record: LaunchRecord,
  { ticket, registryKey }: Pair,
): Promise<SpawnedProcess> {
  const { name, instance, epoch } = record;
  const line: LaunchLine = {
    v: 1,
    registry: site.registryUrls(),
    name,
    instance,
    epoch,
    ticket,
    registryKey,
  };
  return site.processes.spawn({
    file: manifest.program,
    calledAs: manifest.exec,
    args: [...args, name],
    env: environmentOf(site, manifest, record),
    cwd: manifest.cwd,
    ...(manifest.account && { account: manifest.account }),
    input: `${JSON.stringify(line)}\n`,
    // No segment of a name has a dot, so no two names share a file.
    log: site.logs && `${site.logs}/${name.slice(1).replaceAll('/', '.')}.log`,
  });
}

function environmentOf({ processes }: Site, { env }: Manifest, record: LaunchRecord): Record<string, string> {
  const passed = env.flatMap((name) => {
    const value = processes.environment(name);
    return value === undefined ? [] : [[name, value] as const];
  });
  const [mark, instance] = markOf(record).split('=') as [string, string];
  return { PATH: path, ...Object.fromEntries(passed), CLERK_LAUNCHED: '1', [mark]: instance };
}
