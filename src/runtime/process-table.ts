/**
 * The processes of this host, read from `/proc`. Without `/proc`, a process group counts as alive while it accepts
 * signals.
 */
import { readFileSync, statSync } from 'node:fs';
import { readFile, readdir } from 'node:fs/promises';

export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly state: string;
  /** Time from boot to the start of the process, in clock ticks. */
  readonly startedTicks: string;
}

/**
 * Returns text that distinguishes a process from later processes with the same pid. Returns undefined if the process
 * is not alive.
 */
export function identityOf(pid: number): string | undefined {
  const line = readStat(pid);
  return line && `${line.startedTicks}@${hostOfPids()}`;
}

/** True after SIGSTOP. False for a process that a debugger has stopped. */
export function isStopped(pid: number): boolean {
  return readStat(pid)?.state === 'T';
}

export async function processStates(): Promise<readonly { pid: number; state: string }[] | undefined> {
  return (await allPids())?.map(readStat).filter((stat) => stat !== undefined);
}

export async function isGroupAlive(group: number): Promise<boolean> {
  try {
    process.kill(-group, 0);
  } catch (error) {
    // EPERM: the group exists, but belongs to another user.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') return false;
  }
  const pids = await allPids();
  return pids === undefined || pids.some((pid) => readStat(pid)?.group === group);
}

export async function processesWithMarker(
  envMarker: string,
): Promise<readonly { pid: number; group: number }[]> {
  const entry = Buffer.from(`\0${envMarker}\0`);
  const found: ProcessStat[] = [];
  for (const pid of (await allPids()) ?? []) {
    const environment = await readFile(`/proc/${String(pid)}/environ`).catch(() => undefined);
    if (environment === undefined) continue;
    if (!Buffer.concat([Buffer.of(0), environment]).includes(entry)) continue;
    const line = readStat(pid);
    if (line && pid !== process.pid) found.push(line);
  }
  return found;
}

async function allPids(): Promise<readonly number[] | undefined> {
  const entries = await readdir('/proc').catch((): string[] => []);
  const pids = entries.filter((name) => /^[0-9]+$/.test(name)).map(Number);
  return pids.length > 0 ? pids : undefined;
}

/** Returns an empty list without `/proc`. */
export async function processStats(): Promise<readonly ProcessStat[]> {
  return ((await allPids()) ?? []).map(readStat).filter((stat) => stat !== undefined);
}

/** Returns the status of a process; undefined if the process has ended. */
export function readStat(pid: number): ProcessStat | undefined {
  const stat = readAnyStat(pid);
  return stat === undefined || 'ZXx'.includes(stat.state) ? undefined : stat;
}

/** Returns the status of a process, even of a zombie, which has ended but whose parent has not read the exit code. */
export function readAnyStat(pid: number): ProcessStat | undefined {
  const text = readFileNow(`/proc/${String(pid)}/stat`);
  // Field 2, the program name, may contain any character, but ends with the last parenthesis. `fields` begins with
  // field 3.
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  const [state, group, startedTicks] = [fields?.[0], fields?.[2], fields?.[19]];
  if (state === undefined || group === undefined || startedTicks === undefined) return undefined;
  return {
    ...{ pid, parent: Number(fields?.[1]), group: Number(group), session: Number(fields?.[3]) },
    ...{ state, startedTicks },
  };
}

let cachedHost: string | undefined;

function hostOfPids(): string {
  cachedHost ??= `${readFileNow('/proc/sys/kernel/random/boot_id')?.trim() ?? ''}/${pidNamespace()}`;
  return cachedHost;
}

function pidNamespace(): string {
  try {
    return String(statSync('/proc/self/ns/pid').ino);
  } catch {
    return '';
  }
}

function readFileNow(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1');
  } catch {
    return undefined;
  }
}
