/** `startServer({ store })` and `clerk serve --store` over real engines. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startServer, type Server, type ServerOptions } from 'binding-clerk/server';
import { request } from 'undici';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { temporaryPath } from '../temporary-path.js';
import { EtcdCluster, etcdProgram } from './etcd-cluster.js';
import { PostgresServer, postgresProgram } from './postgres-server.js';
import { nodeArguments } from '../../support/compiled-programs.js';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const leftOut = [etcdProgram, postgresProgram].flatMap((each) =>
  'leftOut' in each ? [each.leftOut] : [],
)[0];
let etcd: EtcdCluster;
let postgres: PostgresServer;

beforeAll(async () => {
  if (leftOut !== undefined) return;
  [etcd, postgres] = await Promise.all([EtcdCluster.start(), PostgresServer.start()]);
}, 60_000);
afterAll(() => Promise.all([etcd?.close(), postgres?.close()]));

const stores = {
  etcd: (place: string) => `etcd://${etcd.hosts}/${place}`,
  postgres: (place: string) => postgres.url({ query: `?schema=${place}` }),
};

async function serve(options: ServerOptions): Promise<Server> {
  const server = await startServer({ port: 0, ...options });
  onTestFinished(() => server.close());
  return server;
}

async function post({ url }: Pick<Server, 'url'>, path: string, body: object): Promise<number> {
  const { statusCode, body: response } = await request(`${url}/v1/${path}`, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json' },
  });
  await response.text();
  return statusCode;
}

async function endpointsAt({ url }: Pick<Server, 'url'>, name: string): Promise<string[]> {
  const { body } = await request(`${url}/v1/resolve?name=${name}`);
  const { endpoints = [] } = (await body.json()) as { endpoints?: { addresses: string[] }[] };
  return endpoints.flatMap(({ addresses }) => addresses);
}

describe.each(['etcd', 'postgres'] as const)('two servers over %s', (engine) => {
  test(
    'show a registration of each other, and keep it when both have ended',
    { timeout: 60_000 },
    async ({ skip }) => {
      skip(leftOut !== undefined, leftOut);
      const store = stores[engine]('names');
      const [a, b] = [await serve({ store }), await serve({ store })];
      const address = 'http://127.0.0.1:3001';
      expect(
        await post(a, 'register', { name: '/shop/orders', id: 'a', addresses: [address], leaseMs: 60_000 }),
      ).toBe(200);
      await expect.poll(() => endpointsAt(b, '/shop/orders')).toEqual([address]);
      expect(await post(b, 'link', { name: '/orders', target: '/shop/orders' })).toBe(200);
      await expect.poll(() => endpointsAt(a, '/orders')).toEqual([address]);
      await Promise.all([a.close(), b.close()]);
      const c = await serve({ store });
      expect(await endpointsAt(c, '/orders')).toEqual([address]);
    },
  );
});

test('the log names the store without its password', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  const server = await serve({
    store: postgres.url({ query: '?schema=logged' }),
    logger: { debug: log, info: log, warn: log, error: log },
  });
  expect(lines).toContain(
    `Names are stored in postgres://127.0.0.1:${String(postgres.port)}/clerk?schema=logged`,
  );
  const texts = [...lines];
  for (const path of ['/v1/status', '/metrics', '/healthz'])
    texts.push(await (await request(`${server.url}${path}`)).body.text());
  expect(texts.join('\n')).not.toContain('admin-password');
});

test.each([
  [{ store: '' }, 'Option store must be the URL of a database'],
  [{ store: 7 as never }, 'Option store must be the URL of a database'],
  [{ store: 'redis://u:secret@h' }, 'must begin with etcd:, etcds: or postgres:'],
  [{ storeFile: '' }, 'Option storeFile must be the path of a file'],
  [{ storeFile: '/absent/file' }, "File '/absent/file' with the URL of the store does not exist"],
  [{ store: 'etcd://a', storeFile: '/x' }, 'must not both be set'],
])('options %j are refused', async (options, message) => {
  const error = await startServer({ port: 0, ...options }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) });
  expect(String(error)).not.toContain('secret');
});

describe('clerk serve', () => {
  function run(args: readonly string[], env: Record<string, string> = {}) {
    const child = spawn(process.execPath, [...nodeArguments(main), 'serve', '--port', '0', ...args], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...env },
    });
    onTestFinished(() => void child.kill('SIGKILL'));
    let output = '';
    for (const stream of [child.stdout, child.stderr])
      stream.setEncoding('utf8').on('data', (text: string) => (output += text));
    const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, output }));
    return {
      ended,
      stop: async () => {
        child.kill('SIGTERM');
        return ended;
      },
      waitFor: (text: string) => expect.poll(() => output, { timeout: 80_000 }).toContain(text),
    };
  }

  test(
    'takes the URL from a file of mode 0600, or from $CLERK_STORE, and prints no password',
    { timeout: 180_000 },
    async ({ skip }) => {
      skip(leftOut !== undefined, leftOut);
      const file = temporaryPath('store');
      writeFileSync(file, `${stores.postgres('from_file')}\n`, { mode: 0o600 });
      const [byFile, byEnvironment, byFlag] = [
        run(['--store-file', file], { CLERK_STORE: 'nonsense' }),
        run([], { CLERK_STORE: stores.etcd('from-environment') }),
        run(['--store', stores.postgres('from_flag')], { CLERK_STORE: 'nonsense' }),
      ];
      await byFile.waitFor('/clerk?schema=from_file');
      await byEnvironment.waitFor('/from-environment');
      await byFlag.waitFor('with ps; use --store-file or $CLERK_STORE');
      await byFlag.waitFor('/clerk?schema=from_flag');
      for (const each of [byFile, byEnvironment, byFlag]) {
        await each.waitFor('http://127.0.0.1:');
        const { code, output } = await each.stop();
        expect(output).not.toMatch(/admin-password|in memory only/);
        expect([code, output]).toEqual([0, expect.stringMatching(/^http:\/\/127\.0\.0\.1:[0-9]+$/m)]);
      }
    },
  );

  test(
    'ends with 5 if the engine refuses the user, with 1 for another engine, with 2 for two URLs',
    { timeout: 180_000 },
    async ({ skip }) => {
      skip(leftOut !== undefined, leftOut);
      const file = temporaryPath('store');
      writeFileSync(file, stores.etcd('x'));
      chmodSync(file, 0o644);
      const [refused, readable, unknown, both] = await Promise.all([
        run([], { CLERK_STORE: postgres.url({ password: 'wrong-one' }) }).ended,
        run(['--store-file', file]).ended,
        run(['--store', 'mysql://u:wrong-one@h/db']).ended,
        run(['--store', 'etcd://a', '--store-file', file]).ended,
      ]);
      expect([refused.code, readable.code, unknown.code, both.code]).toEqual([5, 1, 1, 2]);
      expect(refused.output).toContain('rejects the user or the password');
      expect(readable.output).toContain('run chmod 600 on the file');
      expect(unknown.output).toContain('must begin with etcd:, etcds: or postgres:');
      expect(refused.output + unknown.output).not.toContain('wrong-one');
    },
  );
});
