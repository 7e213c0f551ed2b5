/**
 * Real programs. Each leads a session and a process group of its own, holds no pipe of ours once its input was written,
 * and is not waited for: it goes on when this process ends.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, constants, mkdirSync, openSync, renameSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { EndSignal, ProcessExit, ProcessOrder, Processes, SpawnedProcess } from '../core/processes.js';
import { identityOf, isGroupAlive, marked } from './process-table.js';

const wordsBytes = 4_096;

/** Programs of this host. */
export const systemProcesses: Processes = {
  spawn: spawned,
  identityOf,
  find: async (mark) => (await marked(mark)).find(({ pid, group }) => pid === group)?.pid,
  isAlive: async (group, mark) =>
    (group !== undefined && (await isGroupAlive(group))) || (await marked(mark)).length > 0,
  signal: async (group, mark, signal) => {
    if (group !== undefined) tell(-group, signal);
    for (const stray of await marked(mark)) if (stray.group !== group) tell(stray.pid, signal);
  },
  environment: (name) => process.env[name],
};

function tell(pid: number, signal: EndSignal): void {
  // 0 and -1 mean our own group and everybody.
  if (pid === 0 || pid === -1) return;
  try {
    process.kill(pid, signal);
  } catch {
    // Gone in the meantime, or not ours to end.
  }
}

function spawned(order: ProcessOrder): Promise<SpawnedProcess> {
  return new Promise((resolve, reject) => {
    const log = order.log === undefined ? undefined : openLog(order.log);
    let child: ChildProcess;
    try {
      child = spawn(order.file, order.args, {
        argv0: order.calledAs,
        cwd: order.cwd,
        env: { ...order.env },
        ...order.account,
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
      resolve({ pid, identity: identityOf(pid), exited, lastWords: () => lastWordsIn(order.log) });
    });
    // A program need not read what it is told.
    child.stdin?.on('error', () => undefined).end(order.input);
  });
}

/** A new file for one run, in a folder that is made if need be; that of the run before is kept beside it. */
function openLog(path: string): number {
  unless('EEXIST', () => mkdirSync(dirname(path), 0o700));
  unless('ENOENT', () => renameSync(path, `${path}.1`));
  const { O_WRONLY, O_CREAT, O_EXCL, O_APPEND } = constants;
  return openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_APPEND, 0o600);
}

function unless(code: string, act: () => void): void {
  try {
    act();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== code) throw error;
  }
}

async function lastWordsIn(path: string | undefined): Promise<string> {
  if (path === undefined) return '';
  try {
    const file = await open(path, 'r');
    try {
      const { size } = await file.stat();
      const at = Math.max(0, size - wordsBytes);
      const { buffer, bytesRead } = await file.read(Buffer.alloc(wordsBytes), 0, wordsBytes, at);
      return buffer.toString('utf8', 0, bytesRead);
    } finally {
      await file.close();
    }
  } catch {
    return '';
  }
}
