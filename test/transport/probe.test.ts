import { createServer, type Socket } from 'node:net';
import type { AddressInfo } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { toEndpoint } from '../../src/core/endpoint.js';
import { parseAddress } from '../../src/core/address.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { defaultTransport } from '../../src/transport/default-transport.js';

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
