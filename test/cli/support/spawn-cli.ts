import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { nodeArguments } from '../../support/compiled-programs.js';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** Starts `clerk` as a process, without colors and without a registry from the environment. */
export function spawnCli(argv: readonly string[], env: Record<string, string> = {}) {
  return spawnScript(main, argv, env);
}

/** @param path - of a TypeScript file */
export function spawnScript(path: string, argv: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [...nodeArguments(path), ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, CLERK_REGISTRY: '', NO_COLOR: '1', FORCE_COLOR: undefined, ...env },
  });
  const output = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (output.out += String(chunk)));
  child.stderr.on('data', (chunk) => (output.err += String(chunk)));
  const ended = new Promise<{ code: number | null; signal: string | null; out: string; err: string }>(
    (resolve) => child.on('close', (code, signal) => resolve({ code, signal, ...output })),
  );
  return {
    child,
    ended,
    /** Resolves with the output so far once it matches. */
    until: (pattern: RegExp, stream: 'out' | 'err' = 'out') =>
      new Promise<string>((resolve, reject) => {
        const check = (): void => {
          if (pattern.test(output[stream])) resolve(output[stream]);
        };
        child[stream === 'out' ? 'stdout' : 'stderr'].on('data', check);
        child.on('close', () =>
          reject(new Error(`ended before ${String(pattern)}: ${JSON.stringify(output)}`)),
        );
        check();
      }),
  };
}
