import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type {
  TerminationSignal,
  ProcessExit,
  SpawnOptions,
  Processes,
  SpawnedProcess,
} from '../core/processes.js';
import { listenerState } from './listener-table.js';
import { probeListener } from './listener-probe.js';
import { identityOf, isGroupAlive, isStopped, processesWithMarker } from './process-table.js';

const logTailBytes = 4_096;

/**
 * The processes of this host. A started program leads a separate process group, and continues when this process ends.
 */
export const systemProcesses: Processes = {
  spawn: spawnProcess,
  identityOf,
  isStopped,
  listenerState,
  probe: probeListener,
  findGroupLeader: async (mark) =>
    (await processesWithMarker(mark)).find(({ pid, group }) => pid === group)?.pid,
  isAlive: async (group, mark) =>
    (group !== undefined && (await isGroupAlive(group))) || (await processesWithMarker(mark)).length > 0,
  signal: async (group, mark, signal) => {
    if (group !== undefined) sendSignal(-group, signal);
    for (const stray of await processesWithMarker(mark))
      if (stray.group !== group) sendSignal(stray.pid, signal);
  },
  env: (name) => process.env[name],
};

function sendSignal(pid: number, signal: TerminationSignal): void {
  // For `kill`, 0 means the group of this process, and -1 means all processes. A signal is never sent to either of
  // them.
  if (pid === 0 || pid === -1) return;
  try {
    process.kill(pid, signal);
  } catch {
    // The process has ended, or belongs to another user.
  }
}

function spawnProcess(options: SpawnOptions): Promise<SpawnedProcess> {
  return new Promise((resolve, reject) => {
    const log = options.logFile === undefined ? undefined : openLog(options.logFile);
    let child: ChildProcess;
    try {
      child = spawn(options.file, options.args, {
        argv0: options.argv0,
        cwd: options.cwd,
        env: { ...options.env },
        ...options.user,
        shell: false,
        detached: true,
        stdio: ['pipe', log ?? 'ignore', log ?? 'ignore'],
      });
    } finally {
      if (log !== undefined) closeSync(log);
    }
    const exited = new Promise<ProcessExit>((ended) =>
      child.once('exit', (code, signal) => ended({ code, signal })),
    );
    child.on('error', reject);
    child.once('spawn', () => {
      const pid = child.pid as number;
      child.unref();
      resolve({ pid, identity: identityOf(pid), exited, logTail: () => readLogTail(options.logFile) });
    });
    // A program may end without reading its input, which is not an error.
    child.stdin?.on('error', () => undefined).end(options.stdin);
  });
}

/** Creates a log file and its folder. The log file of the previous run is renamed to `<path>.1`. */
function openLog(path: string): number {
  ignoreError('EEXIST', () => mkdirSync(dirname(path), 0o700));
  ignoreError('ENOENT', () => renameSync(path, `${path}.1`));
  const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600);
}

function ignoreError(code: string, action: () => void): void {
  try {
    action();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  }
}

async function readLogTail(path: string | undefined): Promise<string> {
  if (path === undefined) return '';
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const at = Math.max(0, size - logTailBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(logTailBytes), 0, logTailBytes, at);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}
