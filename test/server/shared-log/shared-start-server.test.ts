/** Complete servers over one log: requests over HTTP, a clerk and a service that know both. */
import { createServer, get } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { createClerk, remoteRegistry } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { SimulatedEngine } from './simulated-engine.js';

const closers: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

const until = async (condition: () => boolean | Promise<boolean>): Promise<void> => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 20));
};

const twoServers = async () => {
  const engine = new SimulatedEngine({ clock: systemClock });
  const start = async (id: string) => {
    const server = await startServer({ port: 0, store: engine.connect(id) });
    closers.push(() => server.close());
    return server;
  };
  return { engine, a: await start('a'), b: await start('b') };
};

test('a service that registers at one server is called through the other', async () => {
  const { a, b } = await twoServers();
  const service = createServer((_, response) => response.end('hello')).listen(0, '127.0.0.1');
  closers.push(() => new Promise((resolve) => service.close(resolve)));
  await until(() => service.listening);
  const { port } = service.address() as AddressInfo;
  const advertised = await advertise({
    registry: a.url,
    name: '/greeting',
    address: `http://127.0.0.1:${port}`,
  });
  closers.push(() => advertised.close());
  const clerk = createClerk({ registry: b.url });
  closers.push(() => clerk.close());
  const response = await clerk.fetch('http://greeting.clerk/');
  expect(await response.text()).toBe('hello');
});

test('a lookup states its age, and is flagged while the engine is away', async () => {
  const { engine, a } = await twoServers();
  const post = (path: string, body: object) =>
    fetch(a.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  await post('/v1/define', { name: '/s' });
  const lookup = async () => (await (await fetch(`${a.url}/v1/resolve?name=/s`)).json()) as any;
  expect(await lookup()).toMatchObject({ ageMs: 1_000, guaranteedMs: 5_000 });
  engine.isAway = true;
  await until(async () => (await lookup()).stale === true);
  expect((await lookup()).guaranteedMs).toBe(0);
  const absent = await fetch(`${a.url}/v1/resolve?name=/t`);
  expect(absent.status).toBe(503);
  const refused = await post('/v1/define', { name: '/u' });
  expect(refused.status).toBe(503);
  expect(await refused.text()).toContain('simulated engine');
});

test('a client that knows one server continues when that server closes', async () => {
  const { a, b } = await twoServers();
  const registry = remoteRegistry(a.url);
  closers.push(() => registry.close());
  await until(async () => {
    const found = await registry.resolve('/clerk/registry');
    return found.kind === 'bound' && found.endpoints.length === 2;
  });
  // The list is looked up within 1 s of the first response that states it.
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  await a.close();
  const found = await registry.resolve('/clerk/registry');
  expect(found).toMatchObject({ kind: 'bound', endpoints: [{ addresses: [b.url] }] });
});

test('a server announces the given addresses, which requests may name, or none', async () => {
  const engine = new SimulatedEngine({ clock: systemClock });
  const named = await startServer({
    port: 0,
    store: engine.connect('named'),
    advertise: ['http://registry-1.internal:4711', 'http://10.0.0.7:4711'],
  });
  closers.push(() => named.close());
  const silent = await startServer({ port: 0, store: engine.connect('silent'), advertise: false });
  closers.push(() => silent.close());
  const lookup = () => fetch(`${silent.url}/v1/resolve?name=/clerk/registry`);
  await until(async () => (await lookup()).status === 200);
  expect(await (await lookup()).json()).toMatchObject({
    endpoints: [{ addresses: ['http://registry-1.internal:4711', 'http://10.0.0.7:4711'] }],
  });
  const status = await new Promise((resolve) =>
    get(`${named.url}/healthz`, { headers: { host: 'registry-1.internal:4711' } }, ({ statusCode }) =>
      resolve(statusCode),
    ),
  );
  expect(status).toBe(200);
});

test.each([
  [{ advertise: 'http://10.0.0.7:4711' }, 'needs the option store'],
  [{ advertise: 'tcp://10.0.0.7:4711' }, "such as 'http://10.0.0.7:4711'"],
  [{ advertise: 7 }, "such as 'http://10.0.0.7:4711'"],
  [{ advertise: [] }, 'must have 1 to 16 URLs; got 0'],
  [{ advertise: 'http://10.0.0.7/x' }, 'without path'],
  [{ advertise: 'http://0.0.0.0:4711' }, 'an unspecified address'],
  [{ advertise: 'http://169.254.1.1:4711' }, 'a link-local address'],
  [{ advertise: 'https://10.0.0.7:4711', isOverEngine: true }, 'must have http: URLs'],
])('the option %j is refused', async ({ isOverEngine = false, ...options }: any, message) => {
  const engine = new SimulatedEngine({ clock: systemClock });
  const store = isOverEngine ? { store: engine.connect('a') } : {};
  await expect(startServer({ port: 0, ...store, ...options })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining(message),
  });
});
