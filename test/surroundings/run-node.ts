import { execFile } from 'node:child_process';
import { expect } from 'vitest';

/** Runs Node, and returns the standard output. Warnings of experimental flags are off. */
export async function runNode(args: readonly string[], cwd: string): Promise<string> {
  const { stdout, stderr } = await new Promise<{ stdout: string; stderr: string }>((resolve) => {
    const options = { cwd, env: { PATH: process.env.PATH }, timeout: 120_000 };
    execFile(process.execPath, ['--no-warnings', ...args], options, (_error, out, err) =>
      resolve({ stdout: out, stderr: err }),
    );
  });
  expect(stderr).toBe('');
  return stdout;
}
