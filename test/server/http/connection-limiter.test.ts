import { EventEmitter } from 'node:events';
import type { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { ConnectionLimiter } from '../../../src/server/http/connection-limiter.js';

class FakeSocket extends EventEmitter {
  destroyed = false;
  readonly localAddress = '10.0.0.1';

  constructor(
    readonly remoteAddress: string,
    readonly remotePort: number,
  ) {
    super();
  }

  destroy(): void {
    this.destroyed = true;
    this.emit('close');
  }
}

function createLimiter(maxConnections: number) {
  const closed: string[] = [];
  const limiter = new ConnectionLimiter({
    maxConnections,
    principalOf: ({ remoteAddress }) => remoteAddress ?? '',
    onClosed: (principal) => void closed.push(principal),
  });
  let ports = 0;
  const connect = (address = 'a'): Socket => {
    const socket = new FakeSocket(address, ++ports) as unknown as Socket;
    limiter.add(socket);
    return socket;
  };
  const open = (sockets: readonly Socket[]): readonly boolean[] => sockets.map(({ destroyed }) => !destroyed);
  return { limiter, closed, connect, open };
}

test('the connection that has had no request for the longest time makes room', () => {
  const { limiter, connect, open } = createLimiter(3);
  const sockets = [connect(), connect(), connect()];
  limiter.onRequest(sockets[0] as Socket);
  limiter.onResponse(sockets[0] as Socket);
  sockets.push(connect());
  expect(open(sockets)).toEqual([true, false, true, true]);
  expect(limiter.size).toBe(3);
});

test('the holder with the most connections loses one, also to a new client', () => {
  const { closed, connect, open } = createLimiter(4);
  const sockets = [connect('small'), connect('large'), connect('large'), connect('large'), connect('new')];
  expect(open(sockets)).toEqual([true, false, true, true, true]);
  expect(closed).toEqual(['large']);
});

test('a connection with an open request stays open, and the new one is closed if there is no other', () => {
  const { limiter, connect, open } = createLimiter(2);
  const sockets = [connect(), connect()];
  for (const socket of sockets) limiter.onRequest(socket);
  sockets.push(connect());
  expect(open(sockets)).toEqual([true, true, false]);
  limiter.onResponse(sockets[1] as Socket);
  sockets.push(connect());
  expect(open(sockets)).toEqual([true, false, false, true]);
});

test('the last connection that has renewed a lease is closed last', () => {
  const { limiter, connect, open } = createLimiter(3);
  const sockets = [connect(), connect(), connect()];
  for (const renewing of sockets.slice(0, 2)) {
    limiter.onRequest(renewing);
    limiter.onRenewal(renewing, 'lease');
    limiter.onResponse(renewing);
  }
  sockets.push(connect());
  // The idlest of those without a renewal.
  expect(open(sockets)).toEqual([true, true, false, true]);
  sockets.push(connect(), connect());
  // Only the second connection holds the lease, and one lease keeps one connection.
  expect(open(sockets)).toEqual([false, true, false, false, true, true]);
  sockets.push(connect(), connect());
  expect(open(sockets)[1]).toBe(true);
});

test('closed connections leave nothing behind', () => {
  const { limiter, connect } = createLimiter(10);
  const sockets = Array.from({ length: 5 }, () => connect());
  for (const socket of sockets) limiter.onRenewal(socket, 'lease');
  for (const socket of sockets) socket.destroy();
  expect(limiter.size).toBe(0);
  const next = connect();
  limiter.onRenewal(next, 'lease');
  expect(limiter.size).toBe(1);
});
