/** `clerk serve` as a process: its output, its signals and its exit codes. */
import { spawn } from 'node:child_process';
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
