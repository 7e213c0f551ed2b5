/** `clerk audit` against a bundled server in this process. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/server/index.js';
import { temporaryPath } from '../server/temporary-path.js';
import { runCli } from './support/run-cli.js';
import { securedCli } from './support/secured-cli.js';
import { nodeArguments } from '../support/compiled-programs.js';

function sequencesOf(out: string): readonly number[] {
  const lines = out.split('\n').slice(0, -1);
  return lines.map((line) => (JSON.parse(line) as { seq: number }).seq);
}

async function spawnRegistry(data: string, port: number) {
  const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url));
  const child = spawn(
    process.execPath,
    [...nodeArguments(main), 'serve', '--port', String(port), '--data', data, '--audit'],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  onTestFinished(() => void child.kill('SIGKILL'));
  const [first] = (await once(child.stdout, 'data')) as [Buffer];
  const end = async (signal: NodeJS.Signals): Promise<void> => {
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  };
  return { url: String(first).trim(), end };
}

async function auditedRegistry() {
  const server = await startServer({ port: 0, data: temporaryPath('registry'), audit: true });
  onTestFinished(() => server.close());
  const registry = server.url;
  const clerk = (line: string, environment = {}) => runCli(line.split(' '), { registry, ...environment });
  return { server, clerk };
}

test('it prints a line for each change and each refusal, and whole lines with --json', async () => {
  const { server, clerk } = await auditedRegistry();
  await clerk('define /shop/orders --policy random');
  await clerk('link /shop/link /shop/orders');
  await fetch(`${server.url}/v1/status`, { headers: { origin: 'https://evil.example' } });
  const { code, out, err } = await clerk('audit');
  expect([code, err]).toEqual([0, '']);
  const rows = out
    .trimEnd()
    .split('\n')
    .map((row) => row.slice(24).replace(/ {2,}/g, ' ').trim());
  const status = await (await fetch(`${server.url}/v1/status`)).json();
  const { incarnation } = status as { incarnation: string };
  expect(rows).toEqual([
    `start incarnation=${incarnation}`,
    'change ok define /shop/orders address:loopback 127.0.0.1 policy=random',
    'change ok link /shop/link address:loopback 127.0.0.1 target=/shop/orders',
    'refusal FORBIDDEN status address:loopback 127.0.0.1',
  ]);
  const seqs = sequencesOf((await clerk('audit --json')).out);
  expect(seqs.map((seq) => seq - (seqs[0] ?? 0))).toEqual([0, 1, 2, 3]);
  expect(sequencesOf((await clerk(`audit --json --after ${seqs[1]}`)).out)).toEqual(seqs.slice(2));
  expect(await clerk('audit --after x')).toMatchObject({
    code: 2,
    err: expect.stringContaining('the field seq'),
  });
});

test('--since, --principal and --name leave out all other lines', async () => {
  const { clerk } = await auditedRegistry();
  for (const name of ['/shop/a', '/pay/a', '/shop']) await clerk(`define ${name}`);
  const namesOf = async (line: string): Promise<unknown> =>
    (await clerk(`${line} --json`)).out
      .trimEnd()
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => JSON.parse(text).names?.[0]);
  expect(await namesOf('audit --name /shop')).toEqual(['/shop/a', '/shop']);
  expect(await namesOf('audit --principal address:loopback')).toEqual(['/shop/a', '/pay/a', '/shop']);
  expect(await namesOf('audit --principal /absent')).toEqual([]);
  expect(await namesOf('audit --since 10m')).toHaveLength(4);
  expect(await namesOf('audit --since 2999-01-01')).toEqual([]);
  expect(await clerk('audit --since yesterday')).toMatchObject({
    code: 2,
    err: expect.stringContaining('such as 10m'),
  });
});

test('a long log is printed completely, page by page', async () => {
  const { server, clerk } = await auditedRegistry();
  const define = (name: string): Promise<Response> =>
    fetch(`${server.url}/v1/define`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
  await Promise.all([...Array(600).keys()].map((i) => define(`/n${i}`)));
  const { out } = await clerk('audit --json');
  expect(out.trimEnd().split('\n')).toHaveLength(601);
});

test('--follow prints new lines until an interrupt', async () => {
  const { clerk } = await auditedRegistry();
  const interrupt = new AbortController();
  let out = '';
  const following = clerk('audit --follow --json', {
    interruptSignal: interrupt.signal,
    onOut: (soFar: string) => (out = soFar),
  });
  await expect.poll(() => out, { timeout: 10_000 }).toContain('"start"');
  await clerk('define /shop/new');
  await expect.poll(() => out, { timeout: 10_000 }).toContain('"/shop/new"');
  interrupt.abort();
  expect(await following).toMatchObject({ code: 0, err: '' });
});

test('--follow continues after restarts and a kill of the registry, with each line once', async () => {
  const data = temporaryPath('registry');
  let registry = await spawnRegistry(data, 0);
  const port = Number(new URL(registry.url).port);
  const define = async (name: string): Promise<void> => {
    const { status } = await fetch(`${registry.url}/v1/define`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ name }),
    });
    expect(status).toBe(200);
  };
  const interrupt = new AbortController();
  let out = '';
  const following = runCli(['audit', '--follow', '--json', '--after', '0'], {
    registry: registry.url,
    interruptSignal: interrupt.signal,
    onOut: (soFar) => (out = soFar),
  });
  await define('/n0');
  await expect.poll(() => out, { timeout: 20_000 }).toContain('"/n0"');
  for (const [i, signal] of (['SIGTERM', 'SIGKILL'] as const).entries()) {
    // These lines may be unread when the registry ends.
    for (let j = 0; j < 20; j++) await define(`/before${i}/n${j}`);
    await registry.end(signal);
    registry = await spawnRegistry(data, port);
    await define(`/after${i}`);
    await expect.poll(() => out, { timeout: 20_000 }).toContain(`"/after${i}"`);
  }
  interrupt.abort();
  const { code, err } = await following;
  expect(code).toBe(0);
  expect(err.match(/retries until the registry responds/g)).toHaveLength(2);
  expect(err.match(/responds again/g)).toHaveLength(2);
  expect(out).toBe((await runCli(['audit', '--json'], { registry: registry.url })).out);
}, 60_000);

test('--follow ends with exit code 4 if the registry was never reachable', async () => {
  const { code, err } = await runCli(['audit', '--follow'], { registry: 'http://127.0.0.1:1' });
  expect([code, err]).toEqual([4, expect.stringContaining('No registry listens')]);
});

test('an operator of a secured registry reads who did what; another principal is refused', async () => {
  const registry = await securedCli();
  const web = await registry.enroll('/shop/web');
  await registry.run('acl allow /shop/web /shop/** write');
  await registry.run('define /shop/orders', web);
  expect((await registry.run('define /pay/orders', web)).code).toBe(5);
  const { code, out } = await registry.run('audit --principal /shop/web');
  expect(code).toBe(0);
  for (const row of [
    /change +ok +enroll +\/shop\/web .*\(token\)/,
    /change +ok +define +\/shop\/orders .*write \(\/shop: \/shop\/web on \*\*\)/,
    /refusal +FORBIDDEN +define +\/pay\/orders /,
  ])
    expect(out).toMatch(row);
  expect(out.trimEnd().split('\n')).toHaveLength(3);
  expect(await registry.run('audit', web)).toMatchObject({
    code: 5,
    err: expect.stringContaining('the right admin on /'),
  });
});

test('a registry without an audit log is an error', async () => {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  const { code, err } = await runCli(['audit'], { registry: server.url });
  expect(code).toBe(5);
  expect(err).toContain('--audit');
});
