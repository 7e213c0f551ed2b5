/** A secured registry over an engine: two servers with one key, and a registry that moves while calls continue. */
import { copyFileSync, mkdirSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createClerk, remoteRegistry } from 'binding-clerk';
import { administer } from 'binding-clerk/admin';
import { openIdentity } from 'binding-clerk/identity';
import {
  createOperator,
  initializeRegistry,
  migrateRegistry,
  startServer,
  type Server,
  type ServerOptions,
} from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { identityIn } from '../secured-registry.js';
import { temporaryPath } from '../temporary-path.js';
import { SimulatedEngine } from './simulated-engine.js';

async function serve(options: ServerOptions): Promise<Server> {
  const server = await startServer({ port: 0, ...options });
  onTestFinished(() => server.close());
  return server;
}

/** A data folder with the key of another server. */
function folderWithKeyOf(data: string): string {
  const copy = temporaryPath('registry');
  mkdirSync(copy, { mode: 0o700 });
  copyFileSync(join(data, 'registry.identity'), join(copy, 'registry.identity'));
  return copy;
}

async function listening(respond: () => string): Promise<string> {
  const service = createServer((_, response) => response.end(respond())).listen(0, '127.0.0.1');
  onTestFinished(() => void service.close());
  await new Promise((resolve) => service.once('listening', resolve));
  return `http://127.0.0.1:${String((service.address() as AddressInfo).port)}`;
}

test('two servers of a secured registry accept the same keys, and act on the same rights', async () => {
  const engine = new SimulatedEngine({ clock: systemClock });
  const data = temporaryPath('registry');
  const { registryKey, operator } = await initializeRegistry(data, { store: engine.connect('init') });
  const a = await serve({ data, store: engine.connect('a') });
  const b = await serve({ data: folderWithKeyOf(data), store: engine.connect('b') });
  expect([a.registryKey, b.registryKey]).toEqual([registryKey, registryKey]);

  const [atA, atB] = [
    await administer({ registry: a.url, identity: operator }),
    await administer({ registry: b.url, identity: operator }),
  ];
  onTestFinished(async () => {
    await Promise.all([atA.close(), atB.close()]);
  });
  await atA.define('/shop/orders', { guaranteedMs: 0 });
  await expect.poll(async () => (await atB.resolve('/shop/orders')).name).toBe('/shop/orders');

  // Another operator, while both servers run.
  const file = `${temporaryPath('second')}.identity`;
  await createOperator({ data: folderWithKeyOf(data), file, store: engine.connect('operator') });
  await expect(createOperator({ data, store: engine.connect('used') })).rejects.toMatchObject({
    code: 'FORBIDDEN',
  });
  expect(identityIn(file).registryKey).toEqual([registryKey]);
  const second = await administer({ registry: b.url, identity: file });
  onTestFinished(() => second.close());
  await expect.poll(() => second.link('/orders', '/shop/orders').then(() => 'linked', String)).toBe('linked');
});

test('a client without rights may look the servers up, and learns those that prove the key', async () => {
  const engine = new SimulatedEngine({ clock: systemClock });
  const data = temporaryPath('registry');
  const { registryKey, operator } = await initializeRegistry(data, { store: engine.connect('init') });
  const a = await serve({ data, store: engine.connect('a') });
  const b = await serve({ data: folderWithKeyOf(data), store: engine.connect('b') });
  const admin = await administer({ registry: a.url, identity: operator });
  onTestFinished(() => admin.close());
  await admin.define('/shop/orders');
  const { token } = await admin.identities.createToken('/shop/web');
  const identity = await openIdentity({ name: '/shop/web', token, registry: a.url, registryKey });
  onTestFinished(() => identity.close());
  const registry = remoteRegistry(a.url, { identity, registryKey });
  onTestFinished(() => registry.close());
  expect(await registry.resolve('/shop/orders')).toMatchObject({ kind: 'absent' });
  await expect
    .poll(async () => {
      const found = await registry.resolve('/clerk/registry');
      return found.kind === 'bound' ? found.endpoints.map((each) => (each as any).addresses[0]).sort() : [];
    })
    .toEqual([a.url, b.url].sort());
  expect((await registry.list('/clerk/*')).map(({ name }) => name)).toEqual(['/clerk/registry']);
  // The list is looked up within 1 s of the first response that states it.
  await setTimeout(1_500);
  await a.close();
  expect(await registry.resolve('/clerk/registry')).toMatchObject({ kind: 'bound' });
});

test('a secured engine is served by no server without the key, and secured once only', async () => {
  const engine = new SimulatedEngine({ clock: systemClock });
  const open = await serve({ store: engine.connect('open') });
  const data = temporaryPath('registry');
  await open.close();
  await initializeRegistry(data, { store: engine.connect('init') });
  await expect(serve({ store: engine.connect('c') })).rejects.toMatchObject({
    code: 'IDENTITY_INVALID',
    message: expect.stringContaining('copy registry.identity from another server'),
  });
  await expect(serve({ data: temporaryPath('other'), store: engine.connect('d') })).rejects.toMatchObject({
    code: 'IDENTITY_INVALID',
    message: expect.stringContaining('is missing; copy it'),
  });
  await expect(
    initializeRegistry(temporaryPath('other'), { store: engine.connect('e') }),
  ).rejects.toMatchObject({ code: 'FORBIDDEN', message: expect.stringContaining('is already secured') });
  const other = new SimulatedEngine({ clock: systemClock });
  await expect(serve({ data, store: other.connect('f') })).rejects.toMatchObject({
    code: 'IDENTITY_INVALID',
    message: expect.stringContaining('check the store URL'),
  });
});

test('a registry moves to an engine while calls continue: none fails, and its service stays registered', async () => {
  const engine = new SimulatedEngine({ clock: systemClock });
  const data = temporaryPath('registry');
  const folder = await startServer({ port: 0, data });
  onTestFinished(() => folder.close());
  const { port, url } = folder;
  const ad = await advertise({ registry: url, name: '/hello', address: await listening(() => 'hello') });
  onTestFinished(() => ad.close());
  const clerk = createClerk({ registry: url });
  onTestFinished(() => clerk.close());
  const registry = remoteRegistry(url);
  onTestFinished(() => registry.close());
  let watched: readonly string[] = [];
  registry.watch('/**', (names) => (watched = [...(names as ReadonlyMap<string, unknown>).keys()]));

  let isOver = false;
  let calls = 0;
  const calling = (async () => {
    for (; !isOver; calls++) {
      expect(await clerk.bind('/hello').text('/')).toBe('hello');
      await setTimeout(10);
    }
  })();
  await expect.poll(() => calls).toBeGreaterThan(5);
  await folder.close();
  const report = await migrateRegistry({ from: { data }, to: { store: engine.connect('migration') } });
  expect(report.to).toBe('the simulated engine');
  const moved = await serve({ port, store: engine.connect('a') });
  const admin = await administer({ registry: moved.url });
  onTestFinished(() => admin.close());
  await admin.define('/new');
  await expect.poll(() => watched, { timeout: 20_000 }).toContain('/new');
  isOver = true;
  await calling;
  const { endpoints } = await admin.resolve('/hello');
  expect(endpoints.map(({ epoch }) => epoch)).toEqual([1]);
  await ad.close();
  await expect(startServer({ port: 0, data })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('has moved this registry to the simulated engine'),
  });
});

test.each([
  [{ from: {}, to: { data: 'x' } }, 'from must have exactly one of the fields data, store and storeFile'],
  [{ from: { data: 'x' }, to: { data: 'y', store: 'etcd://a' } }, 'to must have exactly one of'],
  [{ from: { data: 'x' }, to: { store: 'redis://u:secret@h' } }, 'must begin with etcd:'],
])('migrateRegistry(%j) is refused', async (options, message) => {
  const error = await migrateRegistry({
    ...options,
    ...('data' in options.from && { from: { data: temporaryPath('absent') } }),
  }).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) });
  expect(String(error)).not.toContain('secret');
});
