/** Runs a small program from `programs/` in a process of its own, and tells what it printed and how it ended. */
import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';

/** How a program ended. */
export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A program that runs. */
export interface SpawnedProgram {
  readonly child: ChildProcess;
  /** Resolves with the first line it prints from now on that begins with `word`, without that word. */
  waitForLine(prefix: string): Promise<string>;
  readonly result: Promise<ProgramResult>;
}

/**
 * Starts one. It ends with the test, whatever it thinks of that.
 *
 * @param name - file in `programs/`
 * @param args - its arguments
 * @param finished - calls back when the test is over; a test that runs beside others must give its own
 */
export function spawnProgram(
  name: string,
  args: readonly string[],
  finished: (end: () => Promise<void>) => void = onTestFinished,
): SpawnedProgram {
  const path = fileURLToPath(new URL(`programs/${name}`, import.meta.url));
  const child = spawn(
    process.execPath,
    [...(name.endsWith('.ts') ? ['--import', 'tsx'] : []), path, ...args],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let stdout = '';
  let stderr = '';
  let onOutput = (): void => undefined;
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    onOutput();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const result = new Promise<ProgramResult>((resolve) =>
    child.once('close', (code) => resolve({ code, stdout, stderr })),
  );
  finished(async () => {
    child.kill('SIGKILL');
    await result;
  });
  return {
    child,
    result,
    waitForLine: (prefix) =>
      new Promise((resolve, reject) => {
        const from = stdout.length;
        void result.then(({ code }) =>
          reject(
            new Error(`${name} ended with ${String(code)} and never said '${prefix}': ${stdout}${stderr}`),
          ),
        );
        onOutput = () => {
          for (const line of stdout.slice(from).split('\n').slice(0, -1))
            if (line.startsWith(prefix)) resolve(line.slice(prefix.length).trim());
        };
      }),
  };
}
