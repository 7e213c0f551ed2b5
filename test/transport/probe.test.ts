import { createServer, Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, onTestFinished, test, vi } from 'vitest';
import { toEndpoint } from '../../src/core/endpoint.js';
import { parseAddress } from '../../src/core/address.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { defaultTransport } from '../../src/transport/default-transport.js';
import { undici } from '../../src/transport/load-undici.js';

const sockets = new Set<Socket>();
const server = createServer((socket) => {
  sockets.add(socket);
  socket.on('error', () => undefined);
  server.emit('accepted', socket);
});
afterEach(() => {
  for (const socket of sockets) socket.destroy();
  server.close();
});

test.each(['close', 'destroy'] as const)('a pending probe ends with %s', async (end) => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const transport = defaultTransport({ connections: 1, maxSockets: 1_000, tls: {}, undici: {} }, systemClock);
  const channel = transport.open(toEndpoint({ address }, 'a test'), [parseAddress(address)], 's.clerk');
  const accepted = new Promise<Socket>((resolve) => void server.once('accepted', resolve));

  const probe = channel.probe(3_600_000).then(
    () => 'alive',
    () => 'ended',
  );
  const socket = await accepted;
  const gone = new Promise((resolve) => void socket.once('close', resolve));
  socket.resume();
  await (end === 'close' ? channel.close() : channel.destroy(new Error('over')));

  expect(await probe).toBe('ended');
  await gone;
});

test.each([
  'HTTP/1.1 500 Internal Server Error\r\ncontent-length: 0\r\n\r\n',
  'HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n{}',
  'HTTP/1.1 200 OK\r\n',
  'hello',
])('any byte of a response to a probe is a sign of life: %j', async (response) => {
  const peer = createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => undefined).once('data', () => socket.write(response));
  });
  await new Promise<void>((resolve) => void peer.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void peer.close());
  const address = `http://127.0.0.1:${String((peer.address() as AddressInfo).port)}`;
  const transport = defaultTransport({ connections: 1, maxSockets: 1, tls: {}, undici: {} }, systemClock);
  const channel = transport.open(toEndpoint({ address }, 'a test'), [parseAddress(address)], 's.clerk');
  await channel.probe(20_000);
  await channel.close();
});

test("a probe is not limited by the program's connectTimeout", async () => {
  const options: unknown[] = [];
  const buildConnector = undici().buildConnector;
  const peer = createServer((socket) => socket.end('HTTP/1.1 204 No Content\r\n\r\n'));
  await new Promise<void>((resolve) => void peer.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void peer.close());
  vi.spyOn(undici(), 'buildConnector').mockImplementation((given) => {
    options.push(given?.timeout);
    return buildConnector(given);
  });
  const address = `http://127.0.0.1:${String((peer.address() as AddressInfo).port)}`;
  const transport = defaultTransport(
    { connections: 1, maxSockets: 1, tls: {}, undici: { connectTimeout: 1, connect: { timeout: 2 } } },
    systemClock,
  );
  const channel = transport.open(toEndpoint({ address }, 'a test'), [parseAddress(address)], 's.clerk');
  await channel.probe(20_000);
  expect(options).toEqual([20_000]);
  await channel.close();
});

test('a probe that times out destroys the socket that is still connecting', async () => {
  const dialed: Socket[] = [];
  const connect = () => {
    const socket = new Socket();
    dialed.push(socket);
    return socket;
  };
  const address = 'http://orders.internal:80';
  const transport = defaultTransport(
    { connections: 1, maxSockets: 1, tls: {}, undici: { connect } },
    systemClock,
  );
  const channel = transport.open(toEndpoint({ address }, 'a test'), [parseAddress(address)], 's.clerk');
  await expect(channel.probe(1)).rejects.toThrow();
  expect(dialed.map(({ destroyed }) => destroyed)).toEqual([true]);
  await channel.close();
});

test.each([200, 404, 500, 503])('a probe that is answered with %i succeeds', async (status) => {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const transport = defaultTransport({ connections: 1, maxSockets: 1_000, tls: {}, undici: {} }, systemClock);
  const channel = transport.open(toEndpoint({ address }, 'a test'), [parseAddress(address)], 's.clerk');
  server.once('accepted', (socket: Socket) => {
    socket.once('data', () => socket.write(`HTTP/1.1 ${String(status)} X\r\ncontent-length: 0\r\n\r\n`));
  });
  await channel.probe(10_000);
  await channel.close();
});
