import { execFile } from 'node:child_process';
import { expect } from 'vitest';

interface Ended {
  readonly stdout: string;
  readonly stderr: string;
  /** Exit code, or the signal that ended the process. */
  readonly by: string | number;
}

/** Runs Node until it ends by itself with code 0, and returns the standard output. Warnings of experimental flags are off. */
export async function runNode(args: readonly string[], cwd: string): Promise<string> {
  const { stdout, ...rest } = await new Promise<Ended>((resolve) => {
    const options = { cwd, env: { PATH: process.env.PATH }, timeout: 120_000 };
    execFile(process.execPath, ['--no-warnings', ...args], options, (error, out, err) =>
      resolve({ stdout: out, stderr: err, by: error?.signal ?? error?.code ?? 0 }),
    );
  });
  expect(rest).toEqual({ stderr: '', by: 0 });
  return stdout;
}
