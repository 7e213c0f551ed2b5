/** A socket that is still connecting lives only as long as a request waits for it. */
import { Socket } from 'node:net';
import { expect, test } from 'vitest';
import { settleMicrotasks } from '../../src/runtime/settle-microtasks.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { RecordingHandler } from '../../src/testing/suites/recording-handler.js';
import { ConnectionPool } from '../../src/transport/connection-pool.js';
import { createConnector, type Dial } from '../../src/transport/connector.js';
import { undici } from '../../src/transport/load-undici.js';
import { SharedOrigin } from '../../src/transport/shared-origin.js';
import { SocketLimit } from '../../src/transport/socket-limit.js';

const origin = 'http://orders.shop.clerk';
const get = { path: '/', method: 'GET' } as const;

/** A pool whose sockets never connect, as to a host that drops SYN packets. */
function unconnectedPool({ pipelining = 1, sockets = new SocketLimit(10) } = {}) {
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
    clock: systemClock,
    sockets,
    origin: url,
    createClient: (listener) =>
      new (undici().Client)(url, { pipelining, connect: createConnector(dial, listener) }),
  });
  return { pool, dialed };
}

test('cancelling the only request that waits for a socket destroys the socket, and the pool closes', async () => {
  const { pool, dialed } = unconnectedPool();
  const handler = new RecordingHandler();
  pool.dispatch(get, handler, origin);
  expect(dialed.map(({ destroyed }) => destroyed)).toEqual([false]);

  expect(pool.cancel(handler)).toBe(true);
  expect(dialed.map(({ destroyed }) => destroyed)).toEqual([true]);
  expect(pool.cancel(handler)).toBe(false);
  await handler.ended;
  expect(handler.calls).toEqual(['onError']);
  await pool.close();
});

test('a socket is destroyed only with the last of the requests that wait for it', async () => {
  const { pool, dialed } = unconnectedPool({ pipelining: 2 });
  const handlers = [new RecordingHandler(), new RecordingHandler()];
  for (const handler of handlers) pool.dispatch(get, handler, origin);
  expect(dialed).toHaveLength(1);

  pool.cancel(handlers[0] as RecordingHandler);
  expect(dialed[0]?.destroyed).toBe(false);
  pool.cancel(handlers[1] as RecordingHandler);
  expect(dialed[0]?.destroyed).toBe(true);
  await pool.close();
});

test('a request that was cancelled while connecting leaves its connection to the queue', async () => {
  const { pool, dialed } = unconnectedPool();
  const handlers = [new RecordingHandler(), new RecordingHandler(), new RecordingHandler()];
  for (const handler of handlers) pool.dispatch(get, handler, origin);
  expect(dialed).toHaveLength(2);
  expect(handlers.map((handler) => pool.isQueued(handler))).toEqual([false, false, true]);

  pool.cancel(handlers[0] as RecordingHandler);
  await settleMicrotasks();
  await settleMicrotasks();
  expect(dialed).toHaveLength(3);
  expect(pool.isQueued(handlers[2] as RecordingHandler)).toBe(false);
  await pool.destroy(new Error('over'));
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

  pool.dispatch(get, third, origin);
  expect(pool.isQueued(third)).toBe(true);
  other.pool.cancel(second);
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
