/** Commands that npx has started, when npx ends at a signal that its program does not get. */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { administer } from 'binding-clerk/admin';
import { startServer } from 'binding-clerk/server';
import { expect, onTestFinished, test, vi } from 'vitest';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

/** The shell has a second command, so it does not become the program. */
const shellOf = (command: string) => [
  '-c',
  `"$0" --import tsx "$1" ${command} & echo "pid $!"; wait`,
  process.execPath,
  main,
];
const byShell = shellOf('serve --port 0');
/** npx is a program of Node that starts a shell. */
const byNode = `require('child_process').spawn('sh', ${JSON.stringify(byShell)}, { stdio: 'inherit' })`;

/** Starts a program that prints an address by a parent process, and resolves with the two process ids. */
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
  await vi.waitFor(() => expect(out).toMatch(/pid \d+\n[^]*http:/), { timeout: 60_000 });
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
  { timeout: 120_000 },
  async (_how, file, args) => {
    const { parent, pid, url, stderr } = await startByParent({ npm_command: 'exec' }, file, args);
    expect((await fetch(`${url}/v1/status`)).status).toBe(200);
    parent.kill('SIGKILL');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 20_000 });
    expect(stderr()).toContain('The registry ends, because npx has ended');
  },
);

test('a command that runs until a signal ends when npx is killed', { timeout: 120_000 }, async () => {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  const command = shellOf(`advertise /shop/orders ${server.url} --registry ${server.url}`);
  const { parent, pid } = await startByParent({ npm_command: 'exec' }, 'sh', command);
  const registry = await administer({ registry: server.url });
  onTestFinished(() => registry.close());
  const states = async () => (await registry.resolve('/shop/orders')).endpoints.map(({ state }) => state);
  expect(await states()).toEqual(['up']);
  parent.kill('SIGKILL');
  await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 20_000 });
  expect((await states()).filter((state) => state === 'up')).toEqual([]);
});

test(
  'a registry that a shell has started continues when the shell is killed',
  { timeout: 120_000 },
  async () => {
    const { parent, pid, url } = await startByParent({});
    parent.kill('SIGKILL');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect((await fetch(`${url}/v1/status`)).status).toBe(200);
    process.kill(pid, 'SIGTERM');
    await vi.waitFor(() => expect(isAlive(pid)).toBe(false), { timeout: 20_000 });
  },
);
