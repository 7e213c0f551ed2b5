/** `remoteRegistry`, and URLs in place of registries. */
import { createServer, type Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  createClerk,
  firstOf,
  mount,
  remoteRegistry,
  union,
  type RemoteRegistryOptions,
} from 'binding-clerk';
import { openIdentity } from 'binding-clerk/identity';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { expect, onTestFinished, test } from 'vitest';
import { clerkErrorOf } from '../../real/clerk-error-of.js';
import { securedRegistry } from '../../server/secured-registry.js';

/** A registry with the services `names`, which return their names. */
async function registryWith(...names: readonly string[]): Promise<string> {
  const registry = await startServer({ port: 0 });
  onTestFinished(() => registry.close());
  for (const name of names) {
    const server = createServer((_request, response) => response.end(name)).listen(0, '127.0.0.1');
    const ad = await advertise({ name, address: server, registry: registry.url, drainOnSignal: false });
    onTestFinished(async () => {
      server.closeAllConnections();
      server.close();
      await ad.close();
    });
  }
  return registry.url;
}

/** A server that accepts requests and does not respond. */
async function silentRegistry(): Promise<string> {
  const server: HttpServer = createServer(() => undefined);
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

test('a program uses the port without a clerk and without contexts', async () => {
  const url = await registryWith('/shop/orders');
  const registry = remoteRegistry(url);
  onTestFinished(() => registry.close());
  expect(await registry.resolve('/shop/orders')).toMatchObject({ kind: 'bound', namesBelow: false });
  expect(await registry.resolve('/shop')).toMatchObject({ kind: 'absent' });
  expect(await registry.list('/**')).toMatchObject([{ name: '/shop/orders', endpoints: 1 }]);
  expect(await registry.search('/**', {})).toMatchObject([{ name: '/shop/orders' }]);
  const names = await new Promise((resolve) => {
    const stop = registry.watch('/shop/*', (snapshot) => {
      stop();
      resolve([...(snapshot as ReadonlyMap<string, unknown>).keys()]);
    });
  });
  expect(names).toEqual(['/shop/orders']);
});

test('firstOf, union and mount accept a URL and a list of URLs', async () => {
  const url = await registryWith('/orders');
  const other = await registryWith('/reports');
  const registry = firstOf(mount('/central', url), union([other], { '/local': 'http://127.0.0.1:9' }));
  const clerk = createClerk({ registry });
  onTestFinished(() => clerk.destroy());
  expect(await clerk.bind('/central/orders').text('/')).toBe('/orders');
  expect(await clerk.bind('/reports').text('/')).toBe('/reports');
  const names = (await clerk.list('/**')).map(({ name }) => name);
  expect(names).toEqual(['/central/orders', '/local', '/reports']);
});

test('a clerk closes the ports that it was given, as ports and as URLs', async () => {
  const url = await registryWith('/orders');
  const port = remoteRegistry(url);
  const parts = firstOf(mount('/central', url), port);
  const clerk = createClerk({ registry: parts });
  expect(await clerk.bind('/central/orders').text('/')).toBe('/orders');
  await clerk.close();
  expect(await clerkErrorOf(port.resolve('/orders'))).toMatchObject({ code: 'CLERK_CLOSED' });
  const ended = { signal: new AbortController().signal, suspects: new Set<string>() };
  expect(await clerkErrorOf(Promise.resolve(parts.resolve('/central/orders', ended)))).toMatchObject({
    code: 'CLERK_CLOSED',
  });
  await port.close();
  expect(() => port.watch('/**', () => undefined)).toThrow('the registry is closed');
});

test('a request that its caller aborts rejects with ABORTED and the reason', async () => {
  const registry = remoteRegistry(await silentRegistry());
  onTestFinished(() => registry.close());
  const controller = new AbortController();
  const { signal } = controller;
  const errors = [
    registry.resolve('/shop/orders', { signal }),
    registry.list('/**', { signal }),
    registry.search('/**', {}, { signal }),
    registry.start('/shop/orders', { signal }),
  ].map((request) => clerkErrorOf(request));
  controller.abort('no longer needed');
  for (const error of await Promise.all(errors))
    expect(error).toMatchObject({ code: 'ABORTED', name: 'AbortError', cause: 'no longer needed' });
  expect(await clerkErrorOf(registry.list('/**', { signal }))).toMatchObject({ code: 'ABORTED' });
});

test('a request without response rejects at the time limit', async () => {
  const registry = remoteRegistry(await silentRegistry(), { timeoutMs: 200 });
  onTestFinished(() => registry.close());
  const error = await clerkErrorOf(registry.resolve('/shop/orders'));
  expect(error).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  expect(error.message).toContain('did not respond within 200 ms');
});

test('of several servers, the next one responds', async () => {
  const url = await registryWith('/shop/orders');
  const stopped = await startServer({ port: 0 });
  await stopped.close();
  const registry = remoteRegistry([stopped.url, url]);
  onTestFinished(() => registry.close());
  expect(await registry.resolve('/shop/orders')).toMatchObject({ kind: 'bound' });
});

test('a secured registry proves its key, and a clerk of the port gets tickets', async () => {
  const { server, initialized } = await securedRegistry();
  const { registryKey, operator } = initialized;
  const identity = await openIdentity(operator);
  onTestFinished(() => identity.close());
  const registry = remoteRegistry(server.url, { registryKey, identity });
  expect(await registry.list('/**')).toEqual([]);
  const clerk = createClerk({ registry, identity });
  onTestFinished(() => clerk.destroy());
  expect(await clerk.list('/**')).toEqual([]);
  const stranger = remoteRegistry(server.url, { registryKey: `sha256/${'A'.repeat(43)}`, identity });
  onTestFinished(() => stranger.close());
  expect(await clerkErrorOf(stranger.list('/**'))).toMatchObject({ code: 'ENDPOINT_UNPROVEN' });
});

test.each<[unknown, object, RegExp]>([
  ['etcd://a', {}, /^remoteRegistry\(\): registry must be an http: or https: URL .*; got 'etcd:/],
  [[], {}, /must contain at least one URL; got an empty list/],
  ['http://127.0.0.1:1', { timeout: 5 }, /unknown option 'timeout'; known options are identity, registryKey/],
  ['http://127.0.0.1:1', { timeoutMs: 0 }, /timeoutMs must be an integer from 1/],
  ['http://127.0.0.1:1', { registryKey: `sha256/${'A'.repeat(43)}` }, /needs an https: address/],
  ['http://127.0.0.1:1', [], /options must be an object/],
])('remoteRegistry(%j, %j) is CONFIG_INVALID', (urls, options, message) => {
  expect(() => remoteRegistry(urls as string, options as RemoteRegistryOptions)).toThrow(message);
});

test('tickets need a registry that issues them', () => {
  const identity = () => ({ name: '/shop/web', key: '', cert: '' });
  const registry = firstOf('https://127.0.0.1:1');
  expect(() => createClerk({ registry, identity })).toThrow(
    'or set registry to URLs or to a remoteRegistry()',
  );
  expect(() => createClerk({ registry: {}, registryKey: `sha256/${'A'.repeat(43)}` })).toThrow(
    'pass it to remoteRegistry()',
  );
});
