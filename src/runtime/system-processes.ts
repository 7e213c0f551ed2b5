import { spawn, type ChildProcess } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type {
  TerminationSignal,
  ProcessExit,
  SpawnOptions,
  Processes,
  SpawnedProcess,
} from '../core/processes.js';
import { Descendants } from './descendants.js';
import { inheritedDescriptors } from './inherited-descriptors.js';
import { listenerState, waitingConnections } from './listener-table.js';
import { rotateLog, openLog, readLogTail } from './log-rotation.js';
import { probeListener } from './listener-probe.js';
import { identityOf, isGroupAlive, isStopped, processesWithMarker } from './process-table.js';

/**
 * The processes of this host. A started program leads its own process group, and continues after this process ends.
 */
export const systemProcesses: Processes = {
  isInit: process.pid === 1,
  spawn: spawnProcess,
  identityOf,
  isStopped,
  listenerState,
  waitingConnections,
  probe: probeListener,
  rotateLog: (path, maxBytes, maxFiles) => rotateLog(path, maxBytes, maxFiles),
  findGroupLeader: async (mark) =>
    (await processesWithMarker(mark)).find(({ pid, group }) => pid === group)?.pid,
  isAlive: async (group, mark) =>
    (group !== undefined && (descendants.living(group).length > 0 || (await isGroupAlive(group)))) ||
    (await processesWithMarker(mark)).length > 0,
  signal: async (group, mark, signal) => {
    if (group !== undefined) {
      await descendants.refresh(group);
      const others = descendants.living(group);
      sendSignal(-group, signal);
      for (const pid of others) sendSignal(pid, signal);
    }
    for (const stray of await processesWithMarker(mark))
      if (stray.group !== group) sendSignal(stray.pid, signal);
  },
  env: (name) => process.env[name],
};

const descendants = new Descendants();

function sendSignal(pid: number, signal: TerminationSignal): void {
  // For `kill`, 0 means the group of this process, and -1 means all processes.
  if (pid === 0 || pid === -1) return;
  try {
    process.kill(pid, signal);
  } catch {
    // The process has ended, or belongs to another user.
  }
}

function spawnProcess(options: SpawnOptions): Promise<SpawnedProcess> {
  return new Promise((resolve, reject) => {
    const log = options.logFile === undefined ? undefined : openLog(options.logFile, options.maxLogFiles);
    const inherited = inheritedDescriptors();
    const empty = inherited.length === 0 ? undefined : openSync('/dev/null', 'r');
    let child: ChildProcess;
    try {
      child = spawn(options.file, options.args, {
        argv0: options.argv0,
        cwd: options.cwd,
        env: { ...options.env },
        ...options.user,
        shell: false,
        detached: true,
        stdio: ['pipe', log ?? 'ignore', log ?? 'ignore', ...replacements(inherited, empty)],
      });
    } finally {
      for (const each of [log, empty]) if (each !== undefined) closeSync(each);
    }
    const exited = new Promise<ProcessExit>((ended) =>
      child.once('exit', (code, signal) => {
        // The children of the ended program now have another parent, so add them to the tree of the program.
        const looked = child.pid === undefined ? Promise.resolve() : descendants.refresh(child.pid);
        void looked.finally(() => ended({ code, signal }));
      }),
    );
    child.on('error', reject);
    child.once('spawn', () => {
      const pid = child.pid as number;
      descendants.track(pid, options.logFile);
      child.unref();
      resolve({ pid, identity: identityOf(pid), exited, logTail: () => readLogTail(options.logFile) });
    });
    // A program may end before it reads its input, which is not an error.
    child.stdin?.on('error', () => undefined).end(options.stdin);
  });
}

/**
 * Returns the `stdio` entries from descriptor 3 on. Replaces inherited descriptors by `/dev/null`, because Node cannot
 * close them in the child process.
 */
function replacements(inherited: readonly number[], empty: number | undefined): (number | 'ignore')[] {
  const streams: (number | 'ignore')[] = Array.from(
    { length: Math.max(2, ...inherited) - 2 },
    () => 'ignore',
  );
  for (const descriptor of inherited) streams[descriptor - 3] = empty ?? 'ignore';
  return streams;
}
