/** Names of one instance share its connections; the sockets of all endpoints together are limited. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import diagnosticsChannel from 'node:diagnostics_channel';
import { createSecureServer, type ServerHttp2Session } from 'node:http2';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import type { Channel, TransportOptions } from '../../src/core/transport.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { RecordingHandler } from '../../src/testing/suites/recording-handler.js';
import { defaultTransport } from '../../src/transport/default-transport.js';
import { authority } from '../real/certificates.js';
import { ManualClock } from '../support/manual-clock.js';

/** A server that holds its responses to `/held`, and counts connections. */
async function startServer() {
  const hosts: string[] = [];
  const held: ServerResponse[] = [];
  const sockets = new Set<Socket>();
  let connections = 0;
  let onArrival = (): void => undefined;
  const server = createServer((request, response) => {
    hosts.push(String(request.headers.host));
    if (request.url === '/held') held.push(response);
    else response.end('hello');
    onArrival();
  });
  server.on('connection', (socket: Socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.on('upgrade', (_request, socket) =>
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: test\r\n\r\n'),
  );
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy();
    server.close();
  });
  return {
    address: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    hosts,
    sockets,
    connections: () => connections,
    waitForHeld: async (count: number) => {
      while (held.length < count) await new Promise<void>((resolve) => (onArrival = resolve));
    },
    respondNext: () => held.shift()?.end('hello'),
  };
}

/** A transport of one clerk. */
function startTransport(options: Partial<TransportOptions> = {}, clock = systemClock) {
  const transport = defaultTransport(
    { connections: 4, maxSockets: 100, tls: {}, undici: {}, ...options },
    clock,
  );
  const channels: Channel[] = [];
  onTestFinished(async () => {
    await Promise.all(channels.map((channel) => channel.destroy(new Error('The test has ended'))));
  });
  return (address: string, name: string, id = 'a'): Channel => {
    const channel = transport.open(
      toEndpoint({ id, address }, 'a test'),
      [parseAddress(address)],
      `${name}.clerk`,
    );
    channels.push(channel);
    return channel;
  };
}

function send(
  channel: Channel,
  path = '/',
  { freshOnly = false, ...request }: { freshOnly?: boolean; headers?: unknown; upgrade?: string } = {},
): RecordingHandler {
  const handler = new RecordingHandler();
  channel.dispatch({ path, method: 'GET', ...request }, handler, freshOnly);
  return handler;
}

/** Sends a request and waits until its connection is free again. */
async function complete(channel: Channel, request: { headers?: unknown; freshOnly?: boolean } = {}) {
  const handler = send(channel, '/', request);
  await handler.ended;
  expect(handler.calls.at(-1)).toBe('onComplete');
  await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
}

test('40 names of one instance at one address use one connection, each with its own Host header', async () => {
  const server = await startServer();
  const open = startTransport();
  const names = Array.from({ length: 40 }, (_, i) => `n${String(i)}`);
  for (const name of names) await complete(open(server.address, name));
  expect(server.connections()).toBe(1);
  expect(server.hosts).toEqual(names.map((name) => `${name}.clerk`));
});

test.each([
  ['none', undefined, 'second.clerk'],
  ['a record', { 'x-a': '1' }, 'second.clerk'],
  ['a list', ['x-a', '1'], 'second.clerk'],
  ['an iterable', new Map([['x-a', '1']]), 'second.clerk'],
  ['a Host header of the program', { Host: 'mine.example' }, 'mine.example'],
])('the Host header of a name that shares connections, with headers: %s', async (_what, headers, host) => {
  const server = await startServer();
  const open = startTransport();
  await complete(open(server.address, 'first'));
  await complete(open(server.address, 'second'), { headers });
  expect(server.hosts).toEqual(['first.clerk', host]);
  expect(server.connections()).toBe(1);
});

test('other instances, addresses and fresh connections are not shared', async () => {
  const server = await startServer();
  const open = startTransport();
  await complete(open(server.address, 'first', 'a'));
  await complete(open(server.address, 'second', 'b'));
  await complete(open(server.address.replace('127.0.0.1', 'localhost'), 'third', 'a'));
  await complete(open(server.address, 'fourth', 'a'), { freshOnly: true });
  expect(server.connections()).toBe(4);
});

test('closing the channel of one name leaves the requests and connections of the others', async () => {
  const server = await startServer();
  const open = startTransport();
  const [first, second] = [open(server.address, 'first'), open(server.address, 'second')];
  await complete(first);
  const held = send(second, '/held');
  await server.waitForHeld(1);
  await first.close();
  await complete(second);
  server.respondNext();
  await held.ended;
  expect(held.calls.at(-1)).toBe('onComplete');
  expect(server.connections()).toBe(2);

  await second.close();
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(server.sockets.size).toBe(0);
});

test('a reset by one name gives it new connections; the other names keep theirs', async () => {
  const server = await startServer();
  const open = startTransport();
  const [first, second] = [open(server.address, 'first'), open(server.address, 'second')];
  await complete(first);
  await complete(second);
  expect(server.connections()).toBe(1);
  first.resetConnections();
  await complete(second);
  expect(server.connections()).toBe(1);
  await complete(first);
  await complete(open(server.address, 'third'));
  expect(server.connections()).toBe(2);
  second.resetConnections();
  await complete(second);
  expect(server.connections()).toBe(2);
});

test('undici publishes the origin of the name whose request it sends', async () => {
  const server = await startServer();
  const open = startTransport({ connections: 1 });
  const origins: string[] = [];
  const onCreate = (message: unknown): void => {
    origins.push((message as { request: { origin: string } }).request.origin);
  };
  diagnosticsChannel.subscribe('undici:request:create', onCreate);
  onTestFinished(() => void diagnosticsChannel.unsubscribe('undici:request:create', onCreate));
  const handlers = ['first', 'second', 'third'].map((name) => send(open(server.address, name)));
  await Promise.all(handlers.map(({ ended }) => ended));
  expect(origins).toEqual(['http://first.clerk', 'http://second.clerk', 'http://third.clerk']);
});

test('a request that waits for a connection is sent in the async context of its call', async () => {
  const server = await startServer();
  const channel = startTransport({ connections: 1 })(server.address, 'orders');
  const storage = new AsyncLocalStorage<string>();
  const seen: string[] = [];
  const channels = [
    'undici:request:create',
    'undici:client:sendHeaders',
    'undici:request:bodySent',
    'undici:request:headers',
    'undici:request:trailers',
  ];
  for (const name of channels) {
    const onMessage = (message: unknown): void => {
      const { path } = (message as { request: { path: string } }).request;
      seen.push(`${name} ${path} in ${String(storage.getStore())}`);
    };
    diagnosticsChannel.subscribe(name, onMessage);
    onTestFinished(() => void diagnosticsChannel.unsubscribe(name, onMessage));
  }
  const call = (path: string): RecordingHandler =>
    storage.run(path, () => {
      const handler = Object.assign(new RecordingHandler(), { asyncContext: new AsyncResource('TEST') });
      channel.dispatch({ path, method: 'GET' }, handler, false);
      return handler;
    });
  const handlers = ['/1', '/2', '/3'].map(call);
  await Promise.all(handlers.map(({ ended }) => ended));
  expect(seen.toSorted()).toEqual(
    ['/1', '/2', '/3'].flatMap((path) => channels.map((name) => `${name} ${path} in ${path}`)).toSorted(),
  );
});

test('the body of a request that waits for a connection is read in the async context of its call', async () => {
  const server = await startServer();
  const channel = startTransport({ connections: 1 })(server.address, 'orders');
  const storage = new AsyncLocalStorage<string>();
  const seen: string[] = [];
  async function* body(path: string): AsyncGenerator<string> {
    seen.push(`${path} in ${String(storage.getStore())}`);
    yield 'hello';
    await Promise.resolve();
  }
  const handlers = ['/1', '/2', '/3'].map((path) =>
    storage.run(path, () => {
      const handler = Object.assign(new RecordingHandler(), { asyncContext: new AsyncResource('TEST') });
      channel.dispatch({ path, method: 'POST', body: body(path) }, handler, false);
      return handler;
    }),
  );
  await Promise.all(handlers.map(({ ended }) => ended));
  expect(seen).toEqual(['/1 in /1', '/2 in /2', '/3 in /3']);
});

test('over maxSockets, a request waits until another endpoint gives a socket back', async () => {
  const [a, b] = [await startServer(), await startServer()];
  const open = startTransport({ maxSockets: 2 });
  const [toA, toB] = [open(a.address, 'x', 'a'), open(b.address, 'x', 'b')];
  const held = [send(toA, '/held'), send(toA, '/held')];
  await a.waitForHeld(2);
  const waiting = send(toB);
  expect(toB.isQueued?.(waiting)).toBe(true);
  expect(b.connections()).toBe(0);

  a.respondNext();
  await waiting.ended;
  expect(waiting.calls.at(-1)).toBe('onComplete');
  a.respondNext();
  await Promise.all(held.map(({ ended }) => ended));
  await complete(toA);
  expect(a.connections() + b.connections()).toBeLessThanOrEqual(4);
});

test('over maxSockets, the idle connection of another endpoint is closed', async () => {
  const servers = await Promise.all(Array.from({ length: 6 }, startServer));
  const open = startTransport({ maxSockets: 2 });
  const channels = servers.map(({ address }, i) => open(address, 'x', `i${String(i)}`));
  for (const channel of [...channels, ...channels]) {
    await complete(channel);
    const openSockets = servers.reduce((sum, { sockets }) => sum + sockets.size, 0);
    expect(openSockets).toBeLessThanOrEqual(3);
  }
});

test('many endpoints at once share few sockets, and all requests end', async () => {
  const servers = await Promise.all(Array.from({ length: 12 }, startServer));
  const open = startTransport({ maxSockets: 3, connections: 2 });
  const channels = servers.map(({ address }, i) => open(address, 'x', `i${String(i)}`));
  const handlers = Array.from({ length: 20 }, () => channels.map((channel) => send(channel))).flat();
  await Promise.all(handlers.map(({ ended }) => ended));
  expect(new Set(handlers.map(({ calls }) => calls.at(-1)))).toEqual(new Set(['onComplete']));
  await Promise.all(channels.map((channel) => channel.close()));
});

test('an upgraded socket counts until it closes', async () => {
  const server = await startServer();
  const channel = startTransport({ maxSockets: 1 })(server.address, 'x');
  let socket: Socket | undefined;
  const upgrade = Object.assign(new RecordingHandler(), {
    onUpgrade: (_status: number, _headers: unknown, upgraded: unknown) => (socket = upgraded as Socket),
  });
  channel.dispatch({ path: '/', method: 'GET', upgrade: 'test' } as never, upgrade, false);
  while (socket === undefined) await new Promise((resolve) => setTimeout(resolve, 1));
  const waiting = send(channel);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(waiting.calls).toEqual([]);
  socket.destroy();
  await waiting.ended;
  expect(waiting.calls.at(-1)).toBe('onComplete');
});

test('names share an HTTP/2 connection; after 30 to 60 s without requests it closes', async () => {
  const ca = await authority('test');
  const sessions = new Set<ServerHttp2Session>();
  const authorities: string[] = [];
  const server = createSecureServer(await ca.issue('localhost', '127.0.0.1'));
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, headers) => {
    authorities.push(String(headers[':authority']));
    stream.respond({ ':status': 200 });
    stream.end('hello');
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  const clock = new ManualClock();
  const open = startTransport({ tls: { ca: ca.cert }, undici: { allowH2: true, pingInterval: 0 } }, clock);
  const address = `https://localhost:${String((server.address() as AddressInfo).port)}`;
  const [first, second] = [open(address, 'first'), open(address, 'second')];
  await complete(first);
  await complete(second);
  expect(authorities).toEqual(['first.clerk', 'second.clerk']);
  expect(sessions.size).toBe(1);

  clock.advance(30_000);
  await complete(first);
  clock.advance(30_000);
  await new Promise((resolve) => setTimeout(resolve, 30));
  expect(sessions.size).toBe(1);
  clock.advance(30_000);
  while (sessions.size > 0) await new Promise((resolve) => setTimeout(resolve, 5));
  await complete(second);
  expect(sessions.size).toBe(1);
});
