/** `clerk migrate` and `clerk init` over a real etcd. */
import { startServer } from 'binding-clerk/server';
import { administer } from 'binding-clerk/admin';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { runCli } from '../../cli/support/run-cli.js';
import { temporaryPath } from '../temporary-path.js';
import { EtcdCluster, etcdProgram } from './etcd-cluster.js';

const leftOut = 'leftOut' in etcdProgram ? etcdProgram.leftOut : undefined;
let etcd: EtcdCluster | undefined;

beforeAll(async () => {
  if (leftOut === undefined) etcd = await EtcdCluster.start();
}, 60_000);
afterAll(() => etcd?.close());

async function namesAt(options: { readonly data: string } | { readonly store: string }): Promise<string[]> {
  const server = await startServer({ port: 0, ...options });
  const registry = await administer({ registry: server.url });
  const names: string[] = [];
  for await (const entries of registry.list('/**')) names.push(...entries.map(({ name }) => name));
  await registry.close();
  await server.close();
  return names;
}

test(
  'names move from a folder to etcd and back, and a place in use or with other names is refused',
  { timeout: 60_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const [data, store] = [temporaryPath('registry'), `etcd://${etcd!.hosts}/moved`];
    const server = await startServer({ port: 0, data });
    onTestFinished(() => server.close());
    const registry = await administer({ registry: server.url });
    for (let i = 0; i < 300; i++) await registry.define(`/many/s${String(i)}`);
    await registry.close();
    const inUse = await runCli(['migrate', '--from', data, '--to', store]);
    expect(inUse).toMatchObject({ code: 5, out: '' });
    await server.close();

    const moved = await runCli(['migrate', '--from', data], { env: { CLERK_STORE: store } });
    expect(moved).toMatchObject({ code: 0, err: '' });
    expect(moved.out).toMatch(
      /^Moved [0-9]+ records from Data folder '.*' to etcd:\/\/127\.0\.0\.1:.*\/moved\n$/,
    );
    expect(await namesAt({ store })).toHaveLength(300);
    const again = await runCli(['migrate', '--from', data, '--to', store]);
    expect(again).toMatchObject({ code: 2, out: '' });
    expect(again.err).toContain(
      'has outdated names, because clerk migrate has moved this registry to etcd://',
    );

    const other = temporaryPath('other');
    await (await startServer({ port: 0, data: other })).close();
    const full = await runCli(['migrate', '--from', store, '--to', other]);
    expect(full).toMatchObject({ code: 2, out: '' });
    expect(full.err).toContain('already has names');

    const back = await runCli(['migrate', '--from', store, '--to', data, '--json']);
    expect(JSON.parse(back.out)).toMatchObject({
      from: expect.stringContaining('/moved'),
      records: expect.any(Number),
    });
    expect(await namesAt({ data })).toHaveLength(300);
  },
);

test('init secures the names in etcd, and says what to copy', { timeout: 60_000 }, async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const [data, store] = [temporaryPath('registry'), `etcd://${etcd!.hosts}/secured`];
  const { code, out, err } = await runCli(['init', '--data', data, '--store', store]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toContain(`Copy ${data}/registry.identity to the data folder of each server`);
  const server = await startServer({ port: 0, data, store });
  onTestFinished(() => server.close());
  expect(out).toContain(server.registryKey);
});

test.each([
  [['migrate'], 'needs --from or --to'],
  [['migrate', '--from', './a'], 'needs --to, --store-file or $CLERK_STORE'],
  [['migrate', '--from', './a', '--to', './b', '--store-file', './c'], 'omit one of them'],
])('%j is refused', async (args, message) => {
  const { code, err } = await runCli(args);
  expect([code, err]).toEqual([2, expect.stringContaining(message)]);
});
