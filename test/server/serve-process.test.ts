/** `clerk serve` as a process: its output, its signals and its exit codes. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryPath } from './temporary-path.js';
import { nodeArguments } from '../support/compiled-programs.js';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

function serve(...args: string[]) {
  const child = spawn(process.execPath, [...nodeArguments(main), 'serve', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const output = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (output.stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...output }));
  const ready = async (): Promise<string> => {
    await expect
      .poll(() => output.stdout + (child.exitCode === null ? '' : output.stderr), { timeout: 20_000 })
      .toContain('\n');
    return output.stdout;
  };
  return { child, ended, ready };
}

test.each(['SIGTERM', 'SIGINT'] as const)(
  'it prints its address, and closes cleanly on %s',
  async (signal) => {
    const { child, ended, ready } = serve('--port', '0', '--data', temporaryPath('data'));
    const url = (await ready()).trim();
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+$/);
    expect((await request(`${url}/healthz`)).statusCode).toBe(200);
    const { body } = await request(`${url}/v1/watch?glob=/**`);
    child.kill(signal);
    expect(await body.text()).toContain('event: heartbeat');
    expect(await ended).toMatchObject({ code: 0, stdout: `${url}\n` });
  },
);

test('--json prints the address as JSON; a second server on the same data or port exits with an error', async () => {
  const data = temporaryPath('data');
  const first = serve('--port', '0', '--data', data, '--json');
  const { url, port } = JSON.parse(await first.ready()) as { url: string; port: number };
  expect(url).toBe(`http://127.0.0.1:${port}`);
  const [folder, taken] = await Promise.all([
    serve('--port', '0', '--data', data).ended,
    serve('--port', String(port)).ended,
  ]);
  expect(folder).toMatchObject({
    code: 5,
    stdout: '',
    stderr: expect.stringContaining(`'${data}' is in use by another process`),
  });
  expect(taken).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining(`Port ${port} of 127.0.0.1 is already in use`),
  });
});

test('an invalid port is a usage error; a host that others can reach needs --insecure and gives a warning', async () => {
  expect(await serve('--port', '65536').ended).toMatchObject({ code: 2, stdout: '' });
  expect(await serve('--port', '0', '--host', '0.0.0.0').ended).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining('--insecure'),
  });
  const open = serve('--port', '0', '--host', '0.0.0.0', '--insecure');
  expect(await open.ready()).toMatch(/^http:\/\/127\.0\.0\.1:/);
  open.child.kill('SIGTERM');
  expect(await open.ended).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('has no access control'),
  });
});

test('--max-watches and --max-registrations limit a principal, and --allow-host names the server', async () => {
  const args = ['--max-watches', '1', '--max-registrations', '1', '--allow-host', 'registry.internal'];
  const url = (await serve('--port', '0', ...args).ready()).trim();
  const watch = () => request(`${url}/v1/watch?glob=/**`, { headersTimeout: 10_000 });
  const register = (id: string) =>
    request(`${url}/v1/register`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name: '/shop/orders', id, addresses: ['http://127.0.0.1:9'], leaseMs: 60_000 }),
    });
  const open = await watch();
  const refused = await watch();
  expect([open.statusCode, refused.statusCode]).toEqual([200, 429]);
  expect(await refused.body.text()).toContain('--max-watches');
  open.body.on('error', () => undefined).destroy();

  expect((await register('orders-1')).statusCode).toBe(200);
  const second = await register('orders-2');
  expect(second.statusCode).toBe(429);
  expect(await second.body.text()).toContain('--max-registrations');

  const statusAs = async (host: string) =>
    (await request(`${url}/healthz`, { headers: { host } })).statusCode;
  expect([await statusAs('registry.internal'), await statusAs('another.internal')]).toEqual([200, 403]);
});

test(
  'a copied data folder is named on standard error, and --adopt continues with it as the original',
  { timeout: 120_000 },
  async () => {
    const [original, copy, adopted] = ['original', 'copy', 'adopted'].map(temporaryPath) as [
      string,
      string,
      string,
    ];
    const logOf = async (data: string, ...args: string[]): Promise<string> => {
      const { child, ended, ready } = serve('--port', '0', '--data', data, ...args);
      await ready();
      child.kill('SIGTERM');
      return (await ended).stderr;
    };
    expect(await logOf(original)).not.toContain('is a copy');
    for (const folder of [copy, adopted]) execFileSync('cp', ['-a', original, folder]);
    expect(await logOf(original)).not.toContain('is a copy');
    expect(await logOf(copy)).toMatch(/is a copy of another data folder.*--adopt/);
    const log = await logOf(adopted, '--adopt');
    expect(log).not.toContain('is a copy of another data folder');
    expect(log).toContain('is used as the original, because of the option adopt');
    expect(await logOf(adopted)).not.toContain('is a copy');
  },
);
