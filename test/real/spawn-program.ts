import { spawn, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { onTestFinished } from 'vitest';
import { nodeArguments } from '../support/compiled-programs.js';

/** Exit code and output of a program. */
export interface ProgramResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** A running program. */
export interface SpawnedProgram {
  readonly child: ChildProcess;
  /** Resolves with the rest of the next line that starts with `prefix`. */
  waitForLine(prefix: string): Promise<string>;
  readonly result: Promise<ProgramResult>;
}

/**
 * Runs a program from `programs/` in a child process, which is killed when the test ends.
 *
 * @param name - file in `programs/`
 * @param args - its arguments
 * @param finished - registers cleanup; a concurrent test must pass its own
 * @param wrapper - a command and its arguments that run the program, such as `['nice']`
 */
export function spawnProgram(
  name: string,
  args: readonly string[],
  finished: (end: () => Promise<void>) => void = onTestFinished,
  wrapper: readonly string[] = [],
): SpawnedProgram {
  const path = fileURLToPath(new URL(`programs/${name}`, import.meta.url));
  const [file = process.execPath, ...rest] = [...wrapper, process.execPath, ...nodeArguments(path), ...args];
  const child = spawn(file, rest, { stdio: ['ignore', 'pipe', 'pipe'] });
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
            new Error(`${name} ended with ${String(code)} before it printed '${prefix}': ${stdout}${stderr}`),
          ),
        );
        onOutput = () => {
          for (const line of stdout.slice(from).split('\n').slice(0, -1))
            if (line.startsWith(prefix)) resolve(line.slice(prefix.length).trim());
        };
      }),
  };
}
