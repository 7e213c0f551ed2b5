/** The program itself, as a shell starts it. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));

/** Starts `clerk`; it is killed when the test process ends. */
export function spawnClerk(argv: readonly string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, ['--import', 'tsx', main, ...argv], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, CLERK_REGISTRY: '', NO_COLOR: '1', ...env },
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk) => (said.out += String(chunk)));
  child.stderr.on('data', (chunk) => (said.err += String(chunk)));
  const ended = new Promise<{ code: number | null; signal: string | null; out: string; err: string }>(
    (resolve) => child.on('close', (code, signal) => resolve({ code, signal, ...said })),
  );
  return {
    child,
    ended,
    /** Resolves with all that came out once it fits. */
    until: (pattern: RegExp, stream: 'out' | 'err' = 'out') =>
      new Promise<string>((resolve, reject) => {
        const look = (): void => {
          if (pattern.test(said[stream])) resolve(said[stream]);
        };
        child[stream === 'out' ? 'stdout' : 'stderr'].on('data', look);
        child.on('close', () =>
          reject(new Error(`ended before ${String(pattern)}: ${JSON.stringify(said)}`)),
        );
        look();
      }),
  };
}
