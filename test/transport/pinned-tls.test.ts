import { createServer, type Server, type Socket } from 'node:net';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'undici';
import { afterEach, expect, test } from 'vitest';
import { parseAddress, type Address } from '../../src/core/address.js';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { createConnector } from '../../src/transport/connector.js';
import { pinnedDial, type PinnedDialOptions } from '../../src/transport/pinned-tls.js';
import { SessionCache } from '../../src/transport/session-cache.js';
import { ManualClock } from '../support/manual-clock.js';
import { listeningTlsServer, pinnedServer, type PinnedResponse } from '../support/pinned-server.js';

const service = systemKeys.create('/shop/orders');
const web = systemKeys.create('/shop/web');
const rogue = systemKeys.create('/shop/orders');

const closers: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closers.splice(0).reverse()) await close();
});

async function started<T extends { close(): Promise<void> }>(server: Promise<T>): Promise<T> {
  const running = await server;
  closers.push(() => running.close());
  return running;
}

function dialOptions(address: Address, change: Partial<PinnedDialOptions> = {}): PinnedDialOptions {
  return {
    address,
    pins: () => [service.pin],
    credentials: () => web,
    sessions: new SessionCache(),
    keys: systemKeys,
    clock: systemClock,
    allowH2: false,
    timeoutMs: 5_000,
    ...change,
  };
}

/** Sends one request over a connection of its own. */
async function request(options: PinnedDialOptions): Promise<PinnedResponse> {
  const connect = createConnector(pinnedDial(options), {
    onDial: () => undefined,
    onConnected: () => undefined,
  });
  const client = new Client('https://orders.shop.clerk', { connect, allowH2: options.allowH2 });
  try {
    const { body } = await client.request({ path: '/', method: 'POST', body: 'secret' });
    return (await body.json()) as PinnedResponse;
  } finally {
    await client.destroy();
  }
}

async function failureOf(options: PinnedDialOptions): Promise<string> {
  return request(options).then(
    () => 'accepted',
    (error: unknown) => (error as { code: string }).code,
  );
}

test.each(['Ed25519', 'ES256'] as const)('both sides see the %s key of the other', async (algorithm) => {
  const peer = systemKeys.create('/shop/orders', algorithm);
  const own = systemKeys.create('/shop/web', algorithm);
  const { address } = await started(pinnedServer(peer));
  const options = dialOptions(address, { pins: () => [peer.pin], credentials: () => own });
  expect(await request(options)).toEqual({ clientPin: own.pin, isResumed: false, httpVersion: '1.1' });
});

test('HTTP/2 and unix sockets are dialled in the same way', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-dial-'));
  closers.push(() => rmSync(folder, { recursive: true }));
  const { address } = await started(pinnedServer(service, join(folder, 'socket')));
  expect(await request(dialOptions(address, { allowH2: true }))).toEqual({
    clientPin: web.pin,
    isResumed: false,
    httpVersion: '2.0',
  });
  expect(await failureOf(dialOptions(address, { pins: () => [rogue.pin] }))).toBe('ENDPOINT_UNPROVEN');
});

test('a server with another key gets no byte of a request', async () => {
  const server = await started(listeningTlsServer(rogue));
  expect(await failureOf(dialOptions(server.address))).toBe('ENDPOINT_UNPROVEN');
  expect(await failureOf(dialOptions(server.address, { pins: () => [] }))).toBe('ENDPOINT_UNPROVEN');
  expect(await failureOf(dialOptions(server.address, { allowH2: true }))).toBe('ENDPOINT_UNPROVEN');
  await server.close();
  expect([server.connections, server.receivedBytes]).toEqual([3, 0]);
});

test('a server without TLS gets no byte of a request', async () => {
  let received = Buffer.alloc(0);
  const sockets = new Set<Socket>();
  const server: Server = createServer((socket) => {
    sockets.add(socket);
    socket
      .on('error', () => undefined)
      .on('data', (bytes) => {
        received = Buffer.concat([received, bytes]);
        socket.end('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}');
      });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const options = dialOptions(parseAddress(`https://127.0.0.1:${String(port)}`));
  expect(await failureOf(options)).toMatch(/^TLS_MISMATCH/);
  expect(received.includes('secret')).toBe(false);
  expect(received.includes('orders.shop.clerk')).toBe(false);
});

test('a session is resumed, and still shows the server the key of the client', async () => {
  const { address } = await started(pinnedServer(service));
  const options = dialOptions(address);
  const responses = [await request(options), await request(options), await request(options)];
  expect(responses.map(({ isResumed }) => isResumed)).toEqual([false, true, true]);
  expect(responses.map(({ clientPin }) => clientPin)).toEqual([web.pin, web.pin, web.pin]);
});

test('a session of the genuine server does not make a rogue at its address acceptable', async () => {
  const sessions = new SessionCache();
  const genuine = await started(pinnedServer(service));
  await request(dialOptions(genuine.address, { sessions }));
  const server = await started(listeningTlsServer(rogue));
  expect(await failureOf(dialOptions(server.address, { sessions }))).toBe('ENDPOINT_UNPROVEN');
  await server.close();
  expect(server.receivedBytes).toBe(0);
  expect((await request(dialOptions(genuine.address, { sessions }))).isResumed).toBe(false);
});

test('a session of a rogue is never used for the genuine server', async () => {
  const sessions = new SessionCache();
  const server = await started(pinnedServer(rogue));
  expect(await failureOf(dialOptions(server.address, { sessions }))).toBe('ENDPOINT_UNPROVEN');
  expect((await request(dialOptions(server.address, { sessions, pins: () => [rogue.pin] }))).isResumed).toBe(
    false,
  );
  // The address is the same, and the key that is expected now is another.
  expect(await failureOf(dialOptions(server.address, { sessions }))).toBe('ENDPOINT_UNPROVEN');
});

test('after a change of the own key the server sees the new key', async () => {
  const { address } = await started(pinnedServer(service));
  const sessions = new SessionCache();
  const next = systemKeys.create('/shop/web');
  let present: CheckedCredentials = web;
  const options = dialOptions(address, { sessions, credentials: () => present });
  await request(options);
  present = next;
  expect(await request(options)).toMatchObject({ clientPin: next.pin, isResumed: false });
  expect(await request(options)).toMatchObject({ clientPin: next.pin, isResumed: true });
});

test('during a rotation of the server, its new and its former key are accepted', async () => {
  const server = await started(pinnedServer(service));
  const next = systemKeys.create('/shop/orders');
  let pins = [service.pin];
  const options = dialOptions(server.address, { pins: () => pins });
  expect((await request(options)).isResumed).toBe(false);
  server.replaceKey(next);
  expect(await failureOf(options)).toBe('ENDPOINT_UNPROVEN');
  pins = [next.pin, service.pin];
  expect((await request(options)).isResumed).toBe(false);
  expect((await request(options)).isResumed).toBe(true);
});

test('a session is not resumed longer than 300 s after its full handshake', async () => {
  const { address } = await started(pinnedServer(service));
  const clock = new ManualClock();
  const options = dialOptions(address, { clock });
  const resumedAfter = async (delayMs: number) => {
    clock.advance(delayMs);
    return (await request(options)).isResumed;
  };
  expect(await resumedAfter(0)).toBe(false);
  expect(await resumedAfter(200_000)).toBe(true);
  // The second session began with the first handshake.
  expect(await resumedAfter(99_999)).toBe(true);
  expect(await resumedAfter(1)).toBe(false);
  expect(await resumedAfter(1)).toBe(true);
});

test('a certificate that cannot be read proves no key, and ends only the dial', async () => {
  const { address } = await started(pinnedServer(service));
  const keys = {
    pinOf: () => {
      throw new Error('The public key cannot be read');
    },
  };
  expect(await failureOf(dialOptions(address, { keys }))).toBe('ENDPOINT_UNPROVEN');
});

test('a client without an identity connects without a certificate', async () => {
  const { address } = await started(pinnedServer(service));
  expect(await request(dialOptions(address, { credentials: () => undefined }))).toMatchObject({
    clientPin: null,
  });
});

test('a refused connection and a connection that stalls end the dial', async () => {
  const stalled = createServer((socket) => socket.on('error', () => undefined).resume());
  await new Promise<void>((resolve) => stalled.listen(0, '127.0.0.1', resolve));
  const { port } = stalled.address() as { port: number };
  const address = parseAddress(`https://127.0.0.1:${String(port)}`);
  expect(await failureOf(dialOptions(address, { timeoutMs: 50 }))).toBe('UND_ERR_CONNECT_TIMEOUT');
  await new Promise((resolve) => stalled.close(resolve));
  expect(await failureOf(dialOptions(address))).toBe('ECONNREFUSED');
});
