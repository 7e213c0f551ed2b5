/** The program that an attack of a registry or a service meets: a process of its own, whose memory is measured. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Figures } from './load-attack.js';
import type { VictimInput, VictimResult } from './victim-process.js';
import { nodeProgram } from '../../support/compiled-programs.js';

/**
 * Runs a task of `victim-tasks.ts` in a process of its own.
 *
 * @returns the figures of the task, `grownMiB` by which its memory has grown at most, `heldMs` for which its event
 * loop has been held at most, and the `cpuSeconds` that it has used
 */
export async function runVictim(input: VictimInput): Promise<Figures> {
  const { flags, file } = nodeProgram(fileURLToPath(new URL('victim-process.ts', import.meta.url)));
  const child = fork(file, {
    execArgv: ['--expose-gc', ...flags],
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const exited = once(child, 'exit');
  child.send(input);
  const answered = once(child, 'message') as Promise<[VictimResult]>;
  const result = await Promise.race([
    answered.then(([message]) => message),
    exited.then(([code, signal]) => ({ error: `The victim ended with ${String(signal ?? code)}` })),
  ]);
  child.disconnect();
  await exited;
  if ('error' in result) throw new Error(result.error);
  return result.figures;
}
