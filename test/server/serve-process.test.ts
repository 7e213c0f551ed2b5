/** `clerk serve` as a process: one line when it is ready, a clean end, and a number for each way not to begin. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { temporaryPath } from './temporary-path.js';

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));

function serve(...args: string[]) {
  const child = spawn(process.execPath, ['--import', 'tsx', main, 'serve', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const told = { stdout: '', stderr: '' };
  child.stdout.setEncoding('utf8').on('data', (text: string) => (told.stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (told.stderr += text));
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...told }));
  const ready = async (): Promise<string> => {
    await expect
      .poll(() => told.stdout + (child.exitCode === null ? '' : told.stderr), { timeout: 20_000 })
      .toContain('\n');
    return told.stdout;
  };
  return { child, ended, ready };
}

test.each(['SIGTERM', 'SIGINT'] as const)('it says where it is, and ends cleanly at %s', async (signal) => {
  const { child, ended, ready } = serve('--port', '0', '--data', temporaryPath('data'));
  const url = (await ready()).trim();
  expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[0-9]+$/);
  expect((await request(`${url}/healthz`)).statusCode).toBe(200);
  const { body } = await request(`${url}/v1/watch?glob=/**`);
  child.kill(signal);
  expect(await body.text()).toContain('event: heartbeat');
  expect(await ended).toMatchObject({ code: 0, stdout: `${url}\n` });
});

test('with --json it says so as JSON; a second one on its data or its port is refused by number and word', async () => {
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
    stderr: expect.stringContaining(`'${data}' is in use by another server`),
  });
  expect(taken).toMatchObject({
    code: 1,
    stdout: '',
    stderr: expect.stringContaining(`Port ${port} of 127.0.0.1 is in use`),
  });
});

test('a port that is none is a slip of the pen; a host for all to see is warned of', async () => {
  expect(await serve('--port', '65536').ended).toMatchObject({ code: 2, stdout: '' });
  const open = serve('--port', '0', '--host', '0.0.0.0');
  expect(await open.ready()).toMatch(/^http:\/\/127\.0\.0\.1:/);
  open.child.kill('SIGTERM');
  expect(await open.ended).toMatchObject({
    code: 0,
    stderr: expect.stringContaining('there is no password'),
  });
});
