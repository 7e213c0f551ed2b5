/** Services and clerks with identities at the bundled registry, over real TLS. */
import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server as NetServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createClerk, type Clerk, type ClerkOptions } from 'binding-clerk';
import { openIdentity, type Identity } from 'binding-clerk/identity';
import { initializeRegistry, startServer } from 'binding-clerk/server';
import { advertise, authenticate, callerOf, type Advertisement } from 'binding-clerk/service';
import { httpConnection } from '../../src/registry-client/http-connection.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { undici } from '../../src/transport/load-undici.js';
import { PinnedRegistryDialer } from '../../src/transport/pinned-registry-dialer.js';
import { freePort } from '../support/free-port.js';
import { spawnProgram } from './spawn-program.js';
import { nodeArguments } from '../support/compiled-programs.js';

interface Fleet {
  readonly url: string;
  readonly registryKey: string;
  pathOf(file: string): string;
  /** Sends a change as the operator. */
  operate(path: string, body: object): Promise<any>;
  /** Sends a query as the operator. */
  read(path: string): Promise<unknown>;
  enrol(name: string, file?: string): Promise<Identity>;
  openClerk(identity: Identity, options?: ClerkOptions): Clerk;
  advertise(name: string, server: NetServer, identity: Identity, leaseMs?: number): Promise<Advertisement>;
}

/** @param program - launched as `/shop/orders` */
async function startFleet(
  program?: string,
  args: (registryKey: string) => string[] = () => [],
): Promise<Fleet> {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-fleet-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  const { registryKey, operator } = await initializeRegistry(data);
  if (program !== undefined) writeManifest(folder, program, args(registryKey));
  const registry = await startServer({
    ...{ port: 0, data },
    ...(program !== undefined && { manifests: join(folder, 'manifests') }),
  });
  onTestFinished(() => registry.close());
  const { url } = registry;
  const credentials = await openIdentity(operator);
  const connection = httpConnection(url, {
    clock: systemClock,
    tls: {},
    undici,
    dialer: new PinnedRegistryDialer({
      pins: () => [registryKey],
      credentials,
      keys: systemKeys,
      clock: systemClock,
    }),
  });
  onTestFinished(() => connection.close());
  const fleet: Fleet = {
    url,
    registryKey,
    pathOf: (file) => join(folder, file),
    async operate(path, body) {
      const { status, body: result } = await connection.request(
        { path, body, headersTimeoutMs: 30_000 },
        new AbortController().signal,
      );
      expect(status, JSON.stringify(result)).toBe(200);
      return result;
    },
    async read(path) {
      const { body } = await connection.request({ path }, new AbortController().signal);
      return body;
    },
    async enrol(name, file) {
      const { token } = await fleet.operate('/v1/tokens', { principal: name });
      return openIdentity({
        ...{ name, token, registry: url, registryKey },
        ...(file !== undefined && { file: fleet.pathOf(file) }),
      });
    },
    openClerk(identity, options) {
      const clerk = createClerk({ registry: url, registryKey, identity, ...options });
      onTestFinished(() => clerk.destroy());
      return clerk;
    },
    async advertise(name, server, identity, leaseMs = 10_000) {
      server.listen(0, '127.0.0.1');
      onTestFinished(() => {
        server.close();
        (server as Partial<ReturnType<typeof createServer>>).closeAllConnections?.();
      });
      const ad = await advertise({ name, address: server, identity, leaseMs, drainOnSignal: false });
      onTestFinished(() => ad.close());
      return ad;
    },
  };
  return fleet;
}

function writeManifest(folder: string, program: string, args: readonly string[]): void {
  const path = fileURLToPath(new URL(`programs/${program}`, import.meta.url));
  mkdirSync(join(folder, 'manifests'), { mode: 0o700 });
  const lines = [
    'version: 1',
    'service: /shop/orders',
    'exec: /usr/bin/env',
    `args: ${JSON.stringify([process.execPath, ...nodeArguments(path), ...args])}`,
    `cwd: ${fileURLToPath(new URL('../..', import.meta.url))}`,
    'readyMs: 30000',
  ];
  writeFileSync(join(folder, 'manifests', 'orders.yaml'), lines.join('\n'), { mode: 0o600 });
}

const replyPrincipal = (request: object, response: { end(body: string): unknown }): unknown =>
  response.end(String(callerOf(request)?.principal));

const allow = (fleet: Fleet, principal: string, path: string, rights: string[]): Promise<unknown> =>
  fleet.operate('/v1/acl', { change: 'allow', principal, path, rights });

test.each(['HTTP/1.1', 'HTTP/2'])(
  'over %s an enrolled client calls an enrolled service, and the service knows who calls',
  async (protocol) => {
    const fleet = await startFleet();
    const [orders, web] = [await fleet.enrol('/shop/orders'), await fleet.enrol('/shop/web')];
    await allow(fleet, '/shop/web', '/shop/orders', ['call']);
    const handler = authenticate(replyPrincipal, { identity: orders });
    const isHttp2 = protocol === 'HTTP/2';
    const server = isHttp2
      ? createSecureServer({ ...orders.tls(), allowHTTP1: true }, handler)
      : createServer(orders.tls(), handler);
    await fleet.advertise('/shop/orders', server, orders);
    const clerk = fleet.openClerk(web, isHttp2 ? { undici: { allowH2: true } } : {});
    const binding = clerk.bind('/shop/orders');
    for (let i = 0; i < 3; i++) expect(await binding.text('/')).toBe('/shop/web');
  },
);

test('a client without the right call gets no ticket, and its request does not arrive', async () => {
  const fleet = await startFleet();
  const [orders, web] = [await fleet.enrol('/shop/orders'), await fleet.enrol('/shop/web')];
  const handler = vi.fn(replyPrincipal);
  const server = createServer(orders.tls(), authenticate(handler, { identity: orders }));
  await fleet.advertise('/shop/orders', server, orders);
  const binding = fleet.openClerk(web).bind('/shop/orders');
  await expect(binding.text('/')).rejects.toMatchObject({ code: 'NAME_NOT_FOUND' });
  await allow(fleet, '/shop/web', '/shop/orders', ['read']);
  const reader = fleet.openClerk(web).bind('/shop/orders');
  await expect(reader.text('/')).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(handler).not.toHaveBeenCalled();
});

test('no call fails while the keys of the service and of the client rotate', async () => {
  const fleet = await startFleet();
  const orders = await fleet.enrol('/shop/orders', 'orders.identity');
  const web = await fleet.enrol('/shop/web', 'web.identity');
  await allow(fleet, '/shop/web', '/shop/orders', ['call']);
  const server = createServer(orders.tls(), authenticate(replyPrincipal, { identity: orders }));
  await fleet.advertise('/shop/orders', server, orders, 1_000);
  const binding = fleet.openClerk(web).bind('/shop/orders');
  const [oldService, oldClient] = [orders.last?.pin, web.last?.pin];
  let isEnding = false;
  const answers: string[] = [];
  const calls = [1, 2, 3, 4].map(async () => {
    while (!isEnding) {
      answers.push(await binding.text('/'));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
  });
  for (let i = 0; i < 3; i++) {
    await orders.rotate();
    await web.rotate();
    const before = answers.length;
    await vi.waitFor(() => expect(answers.length).toBeGreaterThan(before + 20), { timeout: 15_000 });
  }
  isEnding = true;
  await Promise.all(calls);
  expect(new Set(answers)).toEqual(new Set(['/shop/web']));
  expect([orders.last?.pin === oldService, web.last?.pin === oldClient]).toEqual([false, false]);
});

test('a call by the new name succeeds at once after a move, long before the next renewal', async () => {
  const fleet = await startFleet();
  const [orders, web] = [await fleet.enrol('/shop/orders'), await fleet.enrol('/shop/web')];
  await allow(fleet, '/shop/web', '/shop/*', ['call']);
  const server = createServer(orders.tls(), authenticate(replyPrincipal, { identity: orders }));
  const ad = await fleet.advertise('/shop/orders', server, orders, 3_600_000);
  const clerk = fleet.openClerk(web);
  expect(await clerk.bind('/shop/orders').text('/')).toBe('/shop/web');
  for (const [from, to] of [
    ['/shop/orders', '/shop/sales'],
    ['/shop/sales', '/shop/archive'],
  ] as const) {
    await fleet.operate('/v1/move', { from, to });
    const once = { method: 'POST', path: '/' };
    const { statusCode, body } = await clerk.bind(to).request(once);
    expect([statusCode, await body.text(), ad.name]).toEqual([200, '/shop/web', to]);
    expect(await clerk.bind('/shop/orders').text('/')).toBe('/shop/web');
  }
});

test('the key of a service may not register another service', async () => {
  const fleet = await startFleet();
  const stock = await fleet.enrol('/shop/stock');
  const server = createServer(stock.tls(), () => undefined);
  await expect(fleet.advertise('/shop/orders', server, stock)).rejects.toMatchObject({ code: 'FORBIDDEN' });
});

/** Returns the pin of the key that a new connection to a port shows. */
async function pinAt(port: number): Promise<string> {
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  const certificate = socket.getPeerX509Certificate();
  socket.destroy();
  return systemKeys.pinOf(certificate!.raw);
}

test('all workers of a cluster take over a rotated key, and no call fails', async () => {
  const fleet = await startFleet();
  const orders = await fleet.enrol('/shop/orders', 'orders.identity');
  const web = await fleet.enrol('/shop/web');
  await allow(fleet, '/shop/web', '/shop/orders', ['call']);
  const port = await freePort();
  const program = spawnProgram('secured-cluster-service.ts', [fleet.pathOf('orders.identity'), String(port)]);
  let output = '';
  program.child.stdout?.on('data', (text: string) => (output += text));
  await vi.waitFor(() => expect(output.split('advertised').length).toBe(3), { timeout: 25_000 });
  const binding = fleet.openClerk(web).bind('/shop/orders');
  expect(await binding.text('/')).toBe('/shop/web');
  await orders.rotate();
  let isEnding = false;
  const calls = (async () => {
    while (!isEnding) expect(await binding.text('/')).toBe('/shop/web');
  })();
  await vi.waitFor(
    async () => {
      const pins = await Promise.all(Array.from({ length: 10 }, () => pinAt(port)));
      expect(new Set(pins)).toEqual(new Set([orders.last?.pin]));
    },
    { timeout: 20_000, interval: 100 },
  );
  isEnding = true;
  await calls;
});

test('a launched service enrols a key of its own, in memory, and is called', async () => {
  const fleet = await startFleet('secured-launched-service.ts');
  const web = await fleet.enrol('/shop/web');
  await fleet.operate('/v1/define', { name: '/shop/orders', launch: { manifest: 'orders' } });
  await allow(fleet, '/shop/web', '/shop/orders', ['call']);
  await fleet.operate('/v1/launch', { name: '/shop/orders' });
  onTestFinished(() => fleet.operate('/v1/stop', { name: '/shop/orders' }));
  expect(await fleet.openClerk(web).bind('/shop/orders').text('/')).toBe('/shop/web');
});

test('the workers of a launched cluster get the key of the launched instance from their primary', async () => {
  const port = await freePort();
  const fleet = await startFleet('secured-launched-cluster.ts', (key) => [key, String(port)]);
  const web = await fleet.enrol('/shop/web');
  await fleet.operate('/v1/define', { name: '/shop/orders', launch: { manifest: 'orders' } });
  await allow(fleet, '/shop/web', '/shop/orders', ['call']);
  await fleet.operate('/v1/launch', { name: '/shop/orders' });
  onTestFinished(() => fleet.operate('/v1/stop', { name: '/shop/orders' }));
  const binding = fleet.openClerk(web).bind('/shop/orders');
  for (let i = 0; i < 4; i++) expect(await binding.text('/')).toBe('/shop/web');
  const { identities } = (await fleet.read('/v1/identities?principal=/shop/orders')) as {
    identities: { key: string; by: string }[];
  };
  expect(identities).toMatchObject([{ by: 'launch' }]);
  const pins = await Promise.all(Array.from({ length: 8 }, () => pinAt(port)));
  expect(new Set(pins)).toEqual(new Set(identities.map(({ key }) => key)));
});

test('an identity and a registry key of the environment suffice for a service and its client', async () => {
  const fleet = await startFleet();
  await fleet.enrol('/shop/orders', 'orders.identity');
  await fleet.enrol('/shop/web', 'web.identity');
  await allow(fleet, '/shop/web', '/shop/orders', ['call']);
  const environment = (file: string, key = fleet.registryKey): string[] => [
    'env',
    `CLERK_IDENTITY=${fleet.pathOf(file)}`,
    `CLERK_REGISTRY=${fleet.url}`,
    ...(key === '' ? [] : [`CLERK_REGISTRY_KEY=${key}`]),
  ];
  const run = (program: string, env: string[]): Promise<string> =>
    spawnProgram(program, [], onTestFinished, env).waitForLine('');
  expect(await run('environment-service.ts', environment('orders.identity'))).toBe('advertised');
  const call = (key?: string): Promise<string> =>
    run('environment-caller.ts', environment('web.identity', key));
  expect(await call()).toBe('/shop/web');
  // The identity file states the key of the registry too.
  expect(await call('')).toBe('/shop/web');
  expect(await call(systemKeys.create('/registry').pin)).toBe('ENDPOINT_UNPROVEN');
});
