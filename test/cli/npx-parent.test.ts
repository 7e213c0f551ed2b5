/** `clerk serve` that npx has started, when npx ends at a signal that its program does not get. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** The shell has a second command, so it does not become the registry. */
const byShell = ['-c', `"$0" --import tsx "$1" serve --port 0 & echo "pid $!"; wait`, process.execPath, main];
/** npx is a program of Node that starts a shell. */
const byNode = `require('child_process').spawn('sh', ${JSON.stringify(byShell)}, { stdio: 'inherit' })`;

/** Starts a registry by a parent process, and resolves with the two process ids. */
async function startByParent(
  env: Readonly<Record<string, string>>,
  file = 'sh',
  args: readonly string[] = byShell,
) {
  const parent = spawn(file, args, {
    env: { ...process.env, npm_command: '', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  parent.stdout.on('data', (text: Buffer) => (out += text.toString()));
  parent.stderr.on('data', (text: Buffer) => (err += text.toString()));
  await vi.waitFor(() => expect(out).toMatch(/pid \d+\n[^]*http:/), { timeout: 30_000 });
  const pid = Number(/pid (\d+)/.exec(out)?.[1]);
  const [url = ''] = /http:\S+/.exec(out) ?? [];
  onTestFinished(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
    parent.kill('SIGKILL');
  });
  return { parent, pid, url, stderr: () => err };
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

test.each([
  ['by itself', 'sh', byShell],
  ['by a shell', process.execPath, ['-e', byNode]],
])(
  'a registry that npx has started %s ends when npx is killed, and says why',
  { timeout: 60_000 },
  async (_how, file, args) => {
    const { parent, pid, url, stderr } = await startByParent({ npm_command: 'exec' }, file, args);
    expect((await fetch(`${url}/v1/status`)).status).toBe(200);
    parent.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 20_000 });
    expect(stderr()).toContain('The registry ends, because npx has ended');
  },
);

test(
  'a registry that a shell has started continues when the shell is killed',
  { timeout: 60_000 },
  async () => {
    const { parent, pid, url } = await startByParent({});
    parent.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await fetch(`${url}/v1/status`)).status).toBe(200);
    process.kill(pid, 'SIGTERM');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 20_000 });
  },
);
