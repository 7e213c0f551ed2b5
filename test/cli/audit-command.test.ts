/** `clerk audit` against a bundled server in this process. */
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/server/index.js';
import { temporaryPath } from '../server/temporary-path.js';
import { runCli } from './support/run-cli.js';
import { securedCli } from './support/secured-cli.js';

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
  expect(rows).toEqual([
    'start',
    'change ok define /shop/orders address:127.0.0.1 127.0.0.1 policy=random',
    'change ok link /shop/link address:127.0.0.1 127.0.0.1 target=/shop/orders',
    'refusal FORBIDDEN status address:127.0.0.1 127.0.0.1',
  ]);
  const json = await clerk('audit --json');
  expect(
    json.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line).seq),
  ).toEqual([1, 2, 3, 4]);
});

test('--since, --principal and --name filter', async () => {
  const { clerk } = await auditedRegistry();
  for (const name of ['/shop/a', '/pay/a', '/shop']) await clerk(`define ${name}`);
  const namesOf = async (line: string): Promise<unknown> =>
    (await clerk(`${line} --json`)).out
      .trimEnd()
      .split('\n')
      .filter((text) => text !== '')
      .map((text) => JSON.parse(text).names?.[0]);
  expect(await namesOf('audit --name /shop')).toEqual(['/shop/a', '/shop']);
  expect(await namesOf('audit --principal address:127.0.0.1')).toEqual(['/shop/a', '/pay/a', '/shop']);
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
