/** A socket that is still connecting gets at most a second when no request waits for it, and none when the pool closes. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { Socket, type AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { toEndpoint } from '../../src/core/endpoint.js';
import { settleMicrotasks } from '../../src/runtime/settle-microtasks.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { RecordingHandler } from '../../src/testing/suites/recording-handler.js';
import { ConnectionPool } from '../../src/transport/connection-pool.js';
import { createConnector, type Dial } from '../../src/transport/connector.js';
import { defaultTransport } from '../../src/transport/default-transport.js';
import { undici } from '../../src/transport/load-undici.js';
import { SharedOrigin } from '../../src/transport/shared-origin.js';
import { SocketLimit } from '../../src/transport/socket-limit.js';
import { ManualClock } from '../support/manual-clock.js';

const origin = 'http://orders.shop.clerk';
const get = { path: '/', method: 'GET' } as const;

/** A pool whose sockets never connect, as to a host that drops SYN packets. */
function unconnectedPool({ pipelining = 1, sockets = new SocketLimit(10) } = {}) {
  const clock = new ManualClock();
  const dialed: Socket[] = [];
  const dial: Dial = (_options, callback) => {
    const socket = new Socket();
    socket.once('error', (error) => callback(error, null));
    dialed.push(socket);
    return socket;
  };
  const url = new SharedOrigin(origin);
  const pool = new ConnectionPool({
    connections: 2,
    pipelining,
    ttlMs: 0,
    clock,
    sockets,
    origin: url,
    createClient: (listener) =>
      new (undici().Client)(url, { pipelining, connect: createConnector(dial, listener) }),
  });
  return { pool, dialed, clock };
}

const states = (dialed: readonly Socket[]): boolean[] => dialed.map(({ destroyed }) => destroyed);

test('a socket whose only request is cancelled gets the rest of a second to connect', async () => {
  const { pool, dialed, clock } = unconnectedPool();
  const handler = new RecordingHandler();
  pool.dispatch(get, handler, origin);
  clock.advance(300);
  expect(pool.cancel(handler)).toBe(true);
  expect(pool.cancel(handler)).toBe(false);
  expect(clock.hasRefTimers).toBe(false);
  clock.advance(699);
  expect(states(dialed)).toEqual([false]);
  clock.advance(1);
  expect(states(dialed)).toEqual([true]);
  await handler.ended;
  expect(handler.calls).toEqual(['onError']);
  await pool.close();
});

test('a socket for which no request waits is destroyed at once when the pool closes', async () => {
  for (const cancelsFirst of [true, false]) {
    const { pool, dialed } = unconnectedPool();
    const handler = new RecordingHandler();
    pool.dispatch(get, handler, origin);
    if (cancelsFirst) pool.cancel(handler);
    const closed = pool.close();
    if (!cancelsFirst) {
      expect(states(dialed)).toEqual([false]);
      pool.cancel(handler);
    }
    expect(states(dialed)).toEqual([true]);
    await closed;
  }
});

test('a socket is destroyed only after the last of the requests that wait for it', async () => {
  const { pool, dialed, clock } = unconnectedPool({ pipelining: 2 });
  const handlers = [new RecordingHandler(), new RecordingHandler()];
  for (const handler of handlers) pool.dispatch(get, handler, origin);
  expect(dialed).toHaveLength(1);

  pool.cancel(handlers[0] as RecordingHandler);
  clock.advance(2_000);
  expect(states(dialed)).toEqual([false]);
  pool.cancel(handlers[1] as RecordingHandler);
  expect(states(dialed)).toEqual([true]);
  await pool.close();
});

test('a request that was cancelled while connecting leaves its connection to the queue', async () => {
  const { pool, dialed, clock } = unconnectedPool();
  const handlers = [new RecordingHandler(), new RecordingHandler(), new RecordingHandler()];
  for (const handler of handlers) pool.dispatch(get, handler, origin);
  expect(dialed).toHaveLength(2);
  expect(handlers.map((handler) => pool.isQueued(handler))).toEqual([false, false, true]);

  pool.cancel(handlers[0] as RecordingHandler);
  clock.advance(1_000);
  await settleMicrotasks();
  await settleMicrotasks();
  expect(dialed).toHaveLength(3);
  expect(pool.isQueued(handlers[2] as RecordingHandler)).toBe(false);
  await pool.destroy(new Error('over'));
});

test('a connection that is established after its request was cancelled serves the next request', async () => {
  const server = createServer((_request, response) => response.end('hello'));
  let connections = 0;
  server.on('connection', () => connections++);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => server.close().closeAllConnections());
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const transport = defaultTransport({ connections: 4, maxSockets: 4, tls: {}, undici: {} }, systemClock);
  const channel = transport.open(toEndpoint({ address }, 'a test'), [parseAddress(address)], 's.clerk');
  const cancelled = new RecordingHandler({ throwInConnect: new Error('Cancelled') });
  channel.dispatch(get, cancelled, false);
  channel.cancelQueued?.(cancelled);
  await cancelled.ended;
  await settleMicrotasks();

  const next = new RecordingHandler();
  channel.dispatch(get, next, false);
  await next.ended;
  expect(next.calls.at(-1)).toBe('onComplete');
  expect(connections).toBe(1);
  await channel.close();
});

test('destroy() destroys the sockets that are still connecting', async () => {
  const { pool, dialed } = unconnectedPool();
  const handler = new RecordingHandler();
  pool.dispatch(get, handler, origin);
  await pool.destroy(new Error('over'));
  expect(dialed.map(({ destroyed }) => destroyed)).toEqual([true]);
  expect(handler.calls).toEqual(['onError']);
});

test('a failed connection and a cancelled one leave room for other sockets', async () => {
  const sockets = new SocketLimit(1);
  const { pool, dialed } = unconnectedPool({ sockets });
  const other = unconnectedPool({ sockets });
  const [first, second, third] = [new RecordingHandler(), new RecordingHandler(), new RecordingHandler()];
  pool.dispatch(get, first, origin);
  other.pool.dispatch(get, second, origin);
  expect(other.pool.isQueued(second)).toBe(true);

  dialed[0]?.destroy(new Error('refused'));
  await first.ended;
  await settleMicrotasks();
  expect(other.dialed).toHaveLength(1);

  // The socket of a cancelled request makes room at once.
  other.pool.cancel(second);
  pool.dispatch(get, third, origin);
  await settleMicrotasks();
  await settleMicrotasks();
  expect(pool.isQueued(third)).toBe(false);
  expect(dialed).toHaveLength(2);
  await Promise.all([pool.destroy(new Error('over')), other.pool.destroy(new Error('over'))]);
});

test('a request that undici rejects as invalid leaves room for another socket', async () => {
  const sockets = new SocketLimit(1);
  const { pool } = unconnectedPool({ sockets });
  const invalid = new RecordingHandler();
  pool.dispatch({ ...get, headers: { 'a b': '1' } }, invalid, origin);
  await invalid.ended;

  const { pool: other, dialed } = unconnectedPool({ sockets });
  other.dispatch(get, new RecordingHandler(), origin);
  expect(dialed).toHaveLength(1);
  await other.destroy(new Error('over'));
});
