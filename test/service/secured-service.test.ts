/** A service with an identity, at a scripted registry that requires one, over real TLS. */
import { createServer as createHttpServer } from 'node:http';
import { createServer, request as requestHttps } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { expect, onTestFinished, test, vi } from 'vitest';
import { openIdentity } from 'binding-clerk/identity';
import {
  advertise,
  atMostOnce,
  authenticate,
  callerOf,
  type AdvertiseOptions,
  type Advertisement,
} from 'binding-clerk/service';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { createEnrolToken } from '../../src/protocol/enrol-token.js';
import { systemHashing } from '../../src/runtime/hashing.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { securedRegistry, type SecuredRegistry } from '../support/secured-registry.js';

const web = systemKeys.create('/shop/web');

async function startRegistry(): Promise<SecuredRegistry> {
  const registry = await securedRegistry();
  onTestFinished(() => registry.close());
  registry.principals.set(web.pin, web.name);
  return registry;
}

function enrolment(registry: SecuredRegistry) {
  const token = createEnrolToken(systemHashing);
  registry.tokens.set(token, '/shop/orders');
  return { name: '/shop/orders', token, registry: registry.url, registryKey: registry.credentials.pin };
}

async function advertiseUntilEnd(options: AdvertiseOptions): Promise<Advertisement> {
  const ad = await advertise({ drainOnSignal: false, ...options });
  onTestFinished(() => ad.close());
  return ad;
}

const principalReply = (request: object, response: { end(body?: string): unknown }): unknown =>
  response.end(callerOf(request)?.principal);

/** Listens on a free port of loopback until the end of the test. */
function listening<T extends ReturnType<typeof createServer> | ReturnType<typeof createHttpServer>>(
  server: T,
): T {
  server.listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  return server;
}

const portOf = (server: { address(): unknown }): number => (server.address() as AddressInfo).port;

/** Sends a request with the key of a client; the service must have one of the pins. */
async function call(port: number, { key, cert }: CheckedCredentials, headers: Record<string, string>) {
  const request = requestHttps({
    ...{ host: '127.0.0.1', port, headers, key, cert, agent: false, rejectUnauthorized: false },
  });
  request.end();
  const [response] = await once(request, 'response');
  const { raw } = response.socket.getPeerX509Certificate();
  const body = Buffer.concat(await response.toArray()).toString();
  return { status: response.statusCode, body, pin: systemKeys.pinOf(raw) };
}

/** Requests a ticket as `web` does. */
async function requestTicket(registry: SecuredRegistry): Promise<string> {
  const { key, cert } = web;
  const request = requestHttps(`${registry.url}/v1/tickets`, {
    ...{ method: 'POST', key, cert, agent: false, rejectUnauthorized: false },
    headers: { 'content-type': 'application/json' },
  });
  request.end(JSON.stringify({ service: '/shop/orders' }));
  const [response] = await once(request, 'response');
  return JSON.parse(Buffer.concat(await response.toArray()).toString()).ticket;
}

const endpointsOf = (registry: SecuredRegistry) =>
  [...(registry.fake.services.get('/shop/orders')?.values() ?? [])].map(({ endpoint }) => endpoint);

test('a service enrols itself, registers with its key, and accepts only calls with a ticket', async () => {
  const registry = await startRegistry();
  const identity = await openIdentity(enrolment(registry));
  const server = listening(createServer(identity.tls(), authenticate(principalReply, { identity })));
  const ad = await advertiseUntilEnd({ name: '/shop/orders', address: server, identity });
  expect(ad.registry).toEqual([registry.url]);
  expect(ad.addresses).toEqual([`https://127.0.0.1:${String(portOf(server))}`]);
  expect(endpointsOf(registry)).toMatchObject([{ id: ad.id, key: identity.last?.pin }]);
  const ticket = await requestTicket(registry);
  expect(await call(portOf(server), web, { 'clerk-ticket': ticket })).toEqual({
    status: 200,
    body: '/shop/web',
    pin: identity.last?.pin,
  });
  expect(await call(portOf(server), web, {})).toMatchObject({ status: 401 });
  await ad.close();
  expect(endpointsOf(registry)).toEqual([]);
});

test('a running service takes over a replaced key: the registry first, then its server; old tickets stay valid', async () => {
  const registry = await startRegistry();
  const [old, next] = [systemKeys.create('/shop/orders'), systemKeys.create('/shop/orders')];
  for (const { pin, name } of [old, next]) registry.principals.set(pin, name);
  let credentials = old;
  const identity = await openIdentity(async () => ({ ...pick(credentials) }));
  const registryKey = registry.credentials.pin;
  const handler = authenticate(principalReply, { identity, registryKey });
  const server = listening(createServer(identity.tls(), handler));
  const place = { registry: registry.url, registryKey, leaseMs: 1_000 };
  await advertiseUntilEnd({ name: '/shop/orders', address: server, identity, ...place });
  const headers = { 'clerk-ticket': await requestTicket(registry) };
  expect(await call(portOf(server), web, headers)).toMatchObject({ status: 200, pin: old.pin });
  credentials = next;
  await vi.waitFor(
    async () =>
      expect(await call(portOf(server), web, headers)).toMatchObject({ status: 200, pin: next.pin }),
    { timeout: 15_000, interval: 50 },
  );
  expect(endpointsOf(registry)).toMatchObject([{ key: next.pin }]);
  const renewals = (): number =>
    registry.requests.filter(({ path, pin }) => path === '/v1/renew' && pin === next.pin).length;
  await vi.waitFor(() => expect(renewals()).toBeGreaterThan(0), { timeout: 15_000 });
});

function pick({ name, key, cert }: CheckedCredentials) {
  return { name, key, cert };
}

test('a registry without the expected key gets no request', async () => {
  const registry = await startRegistry();
  const identity = await openIdentity(async () => pick(web));
  const warnings: string[] = [];
  const logger = {
    debug: vi.fn(),
    info: vi.fn(),
    error: vi.fn(),
    warn: (text: string) => warnings.push(text),
  };
  const end = new AbortController();
  const advertised = advertise({
    ...{ name: '/shop/orders', address: 'https://127.0.0.1:1', identity, logger, signal: end.signal },
    ...{ registry: registry.url, registryKey: systemKeys.create('/registry').pin, drainOnSignal: false },
  });
  advertised.catch(() => undefined);
  await vi.waitFor(() => expect(warnings.join()).toMatch(/must prove the key/), { timeout: 15_000 });
  expect(registry.requests).toEqual([]);
  end.abort();
  await expect(advertised).rejects.toMatchObject({ code: 'ABORTED' });
  expect(registry.requests).toEqual([]);
});

test.each<[string, Partial<AdvertiseOptions>, RegExp]>([
  ['a registry address without TLS', { registry: 'http://127.0.0.1:1' }, /TLS at each registry address/],
  ['an address without TLS', { address: 'http://127.0.0.1:1' }, /TLS at each address of the service/],
  ['a key without an identity', { identity: undefined as never }, /needs an identity/],
  ['an identity without a key', { registryKey: undefined as never }, /needs the key of the registry/],
  ['an identity of another kind', { identity: 7 as never }, /needs an identity/],
  ['an invalid registry key', { registryKey: 'x' }, /'registryKey' of advertise\(\)/],
])('%s is refused', async (_, change, message) => {
  const advertised = advertise({
    name: '/shop/web',
    address: 'https://127.0.0.1:1',
    registry: 'https://127.0.0.1:1',
    identity: () => pick(web),
    registryKey: systemKeys.create('/registry').pin,
    drainOnSignal: false,
    ...change,
  });
  await expect(advertised).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  await expect(advertised).rejects.toThrow(message);
});

test('a server without TLS is refused', async () => {
  const server = listening(createHttpServer(() => undefined));
  const advertised = advertise({
    ...{ name: '/shop/web', address: server, registry: 'https://127.0.0.1:1', drainOnSignal: false },
    ...{ identity: () => pick(web), registryKey: systemKeys.create('/registry').pin },
  });
  await expect(advertised).rejects.toThrow(/TLS at each address of the service/);
});

test('the server uses the key of the identity, even if it changed after the server was created', async () => {
  const registry = await startRegistry();
  const identity = await openIdentity(enrolment(registry));
  const stranger = systemKeys.create('/shop/other');
  const server = listening(
    createServer({ ...identity.tls(), ...pick(stranger) }, (_, response) => response.end()),
  );
  await advertiseUntilEnd({ name: '/shop/orders', address: server, identity });
  const socket = connect({ host: '127.0.0.1', port: portOf(server), rejectUnauthorized: false });
  await once(socket, 'secureConnect');
  expect(systemKeys.pinOf(socket.getPeerX509Certificate()!.raw)).toBe(identity.last?.pin);
  socket.destroy();
});

test('a guarded handler can be authenticated and advertised', async () => {
  const registry = await startRegistry();
  const identity = await openIdentity(enrolment(registry));
  const handler = authenticate(atMostOnce(principalReply), { identity });
  const server = listening(createServer(identity.tls(), handler));
  await advertiseUntilEnd({ name: '/shop/orders', address: server, identity, atMostOnce: handler });
  expect(endpointsOf(registry)).toMatchObject([{ attributes: { 'at-most-once': expect.any(String) } }]);
});

test('the end of an advertisement removes all its listeners from the identity', async () => {
  const registry = await startRegistry();
  const identity = await openIdentity(enrolment(registry));
  const add = identity.onChanged.bind(identity);
  let listeners = 0;
  identity.onChanged = (listener) => {
    listeners++;
    const remove = add(listener);
    return () => {
      listeners--;
      remove();
    };
  };
  const server = listening(createServer(identity.tls(), authenticate(principalReply, { identity })));
  for (let i = 0; i < 3; i++) {
    const ad = await advertiseUntilEnd({ name: '/shop/orders', address: server, identity });
    expect(listeners).toBeGreaterThan(0);
    await ad.close();
    expect(listeners).toBe(0);
  }
});

test('a listener that gets upgrades without a check is reported, and a wrapped one is not', async () => {
  const registry = await startRegistry();
  const identity = await openIdentity(enrolment(registry));
  const warn = vi.fn();
  const ignore = (): void => undefined;
  const logger = { warn, debug: ignore, info: ignore, error: ignore };
  const onUpgrade = (_request: object, socket: { destroy(): void }): void => socket.destroy();
  const advertiseWith = async (listener: (...args: any[]) => unknown): Promise<void> => {
    const server = listening(createServer(identity.tls(), authenticate(principalReply, { identity })));
    server.on('upgrade', listener);
    const ad = await advertiseUntilEnd({ name: '/shop/orders', address: server, identity, logger });
    await ad.close();
  };
  await advertiseWith(authenticate(onUpgrade, { identity }));
  expect(warn).not.toHaveBeenCalled();
  await advertiseWith(onUpgrade);
  expect(warn.mock.calls).toEqual([[expect.stringContaining('listeners for upgrade')]]);
});
