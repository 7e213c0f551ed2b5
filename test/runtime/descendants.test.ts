/** Processes that a signal to a program reaches, and those that it does not. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemProcesses } from '../../src/runtime/system-processes.js';

/** Starts shell programs that write one log file, as the instances of a service do. */
function programs() {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-descendants-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  let count = 0;
  return {
    folder,
    async start(script: string) {
      const mark = `DESCENDANTS_TEST=${folder}/${String(++count)}`;
      const { pid, exited } = await systemProcesses.spawn({
        file: '/bin/sh',
        argv0: 'sh',
        args: ['-c', script.replaceAll('FOLDER', folder)],
        env: { PATH: '/usr/bin:/bin', [mark.split('=')[0]!]: mark.split('=')[1]! },
        cwd: '/',
        stdin: '',
        logFile: join(folder, 'log'),
        maxLogFiles: 0,
      });
      onTestFinished(() => systemProcesses.signal(pid, mark, 'SIGKILL'));
      return { pid, mark, exited };
    },
  };
}

const isAlive = (pid: number): boolean => systemProcesses.identityOf(pid) !== undefined;
const child = "setsid env -i /bin/sh -c 'echo $$ > FOLDER/child; exec sleep 600' &";

/** The pid of a child that has left the session of its program and has an empty environment. */
async function childOf(folder: string): Promise<number> {
  let pid = 0;
  await expect
    .poll(() => {
      try {
        return (pid = Number(readFileSync(join(folder, 'child'), 'utf8')));
      } catch {
        return 0;
      }
    })
    .toBeGreaterThan(0);
  return pid;
}

test('a signal to an instance does not reach another instance with the same log file', async () => {
  const { start } = programs();
  const old = await start('sleep 600');
  const next = await start('sleep 600');
  await systemProcesses.signal(old.pid, old.mark, 'SIGTERM');
  await old.exited;
  expect([isAlive(old.pid), isAlive(next.pid)]).toEqual([false, true]);
  expect(await systemProcesses.isAlive(old.pid, old.mark)).toBe(false);
});

test.each([
  ['first', `${child} sleep 600`, 'sleep 600'],
  ['second', 'sleep 600', `${child} sleep 600`],
])('a child that left its session ends with its own program: the %s one', async (which, first, second) => {
  const { folder, start } = programs();
  const one = await start(first);
  if (which === 'first') await childOf(folder);
  const two = await start(second);
  const stray = await childOf(folder);
  const [owner, other] = which === 'first' ? [one, two] : [two, one];
  await systemProcesses.signal(other.pid, other.mark, 'SIGKILL');
  await other.exited;
  expect([isAlive(owner.pid), isAlive(stray)]).toEqual([true, true]);
  await systemProcesses.signal(owner.pid, owner.mark, 'SIGKILL');
  await expect.poll(() => isAlive(stray)).toBe(false);
});
