/**
 * Which connection a request uses: calls that must run at most once get only fresh ones, and silent ones are
 * not reused.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { connect, Socket, type AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createClerk, isClerkError, type Binding } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { rawPeer } from './raw-peer.js';
import { webServer } from './web-server.js';

const hello = () => webServer((_request, response) => void response.end('{"ok":true}'));

test('a connection idle for a second is used for a GET, but not for a call that must run at most once', async () => {
  const peer = await rawPeer('respond');
  const { orders } = testClerk([peer.address]);
  const send = async (method: string, idleMs: number): Promise<void> => {
    await orders.json('/orders', { method });
    await sleep(idleMs);
  };

  await send('GET', 20);
  await send('POST', 20);
  await send('POST', 1_050);
  await send('GET', 20);
  await send('POST', 20);

  const on = (wanted: string): number[] =>
    peer.executed.filter(({ method }) => method === wanted).map(({ connection }) => connection);
  expect(on('GET')).toEqual([1, 1]);
  expect(on('POST')).toHaveLength(3);
  expect(on('POST').slice(0, 2)).not.toContain(on('POST')[2]);
});

test('calls that must run at most once are not pipelined, whatever the undici option says', async () => {
  const peer = await rawPeer('no-response');
  const { orders } = testClerk([peer.address], { connections: 1, undici: { pipelining: 10 } });

  // The first call has a longer timeout than those queued behind it.
  const calls = [1_000, 300, 300].map((timeoutMs) =>
    orders
      .json('/orders', { method: 'POST', timeoutMs })
      .catch((error: unknown) => (isClerkError(error) ? error.execution : error)),
  );

  expect(await Promise.all(calls)).toEqual(['unknown', 'none', 'none']);
  expect(peer.executed).toHaveLength(1);
});

test('a silent connection is not used again', async () => {
  const peer = await rawPeer('no-response');
  const other = await hello();
  const { orders, clerk } = testClerk([peer.address, other.address]);
  const ejected = new Promise((resolve) => clerk.on('ejected', resolve));
  const revived = new Promise((resolve) => clerk.on('revived', resolve));

  await orders.json('/silent');
  const calls = setInterval(() => void orders.json('/orders').catch(() => undefined), 20);
  // A response to a probe before the ejection would clear the suspicion, and nothing would be revived.
  await ejected;
  peer.behavior = 'respond';
  await revived;
  clearInterval(calls);
  await orders.json('/again');

  const [first, ...later] = peer.executed;
  expect([first?.path, first?.connection]).toEqual(['/silent', 1]);
  expect(later.map(({ path }) => path)).toContain('/again');
  expect(later.filter(({ connection }) => connection === 1)).toEqual([]);
});

test('an endpoint whose connections are lost between calls is reconnected without an event', async () => {
  const server = await hello();
  const sockets: Socket[] = [];
  server.server.on('connection', (socket) => sockets.push(socket));
  const { orders, clerk } = testClerk([server.address]);
  const trouble: unknown[] = [];
  clerk.on('suspect', (event) => trouble.push(event));

  for (let i = 0; i < 10; i++) {
    await orders.json('/orders', { method: i % 2 ? 'GET' : 'POST' });
    for (const socket of sockets.splice(0)) socket.destroy();
    await sleep(10);
  }

  expect(server.requests).toHaveLength(10);
  expect(trouble).toEqual([]);
});

test('a custom connector is used for all connections, probes included', async () => {
  const server = await hello();
  const dialled: string[] = [];
  const connector = (
    { hostname, port }: { hostname: string; port: string },
    callback: (error: Error | null, socket: Socket | null) => void,
  ): Socket => {
    dialled.push(`${hostname}:${port}`);
    const socket = connect(Number(new URL(server.address).port), '127.0.0.1');
    return socket
      .once('connect', () => callback(null, socket))
      .once('error', (error) => callback(error, null));
  };
  const { orders } = testClerk(['http://orders.internal:8080'], { undici: { connect: connector } });

  expect(await orders.json('/orders')).toEqual({ ok: true });
  expect(await orders.json('/orders', { method: 'POST' })).toEqual({ ok: true });
  expect(new Set(dialled)).toEqual(new Set(['orders.internal:8080']));
  expect(new Set(server.hosts)).toEqual(new Set(['orders.shop.clerk']));
});

test('200 names on one server share connections, which close when they are idle', async () => {
  const server = createServer((_request, response) => response.end('{"ok":true}'));
  const sockets = new Set<Socket>();
  let connections = 0;
  server.on('connection', (socket) => {
    connections++;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => void server.close());
  const address = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  const names = Array.from({ length: 200 }, (_, i) => `/many/n${String(i)}`);
  const clerk = createClerk({
    registry: Object.fromEntries(names.map((name) => [name, address])),
    undici: { keepAliveTimeout: 200, keepAliveTimeoutThreshold: 4_900 },
  });
  onTestFinished(() => clerk.destroy());

  for (const name of names) expect(await clerk.bind(name).json('/orders')).toEqual({ ok: true });
  expect(connections).toBeLessThanOrEqual(3);
  await Promise.all(names.map((name) => clerk.bind(name).json('/orders')));
  expect(connections).toBeLessThanOrEqual(3 + 64);
  while (sockets.size > 0) await sleep(20);
});

test('an endpoint that connects more slowly than its attempts time out gets calls all the same', async () => {
  const [fast, slow] = [await hello(), await hello()];
  const slowPort = new URL(slow.address).port;
  const connector = (
    { port }: { port: string },
    callback: (error: Error | null, socket: Socket | null) => void,
  ): Socket => {
    const socket = new Socket();
    socket.once('connect', () => callback(null, socket)).once('error', (error) => callback(error, null));
    setTimeout(
      () => {
        if (!socket.destroyed) socket.connect(Number(port), '127.0.0.1');
      },
      port === slowPort ? 150 : 0,
    );
    return socket;
  };
  const { clerk } = testClerk([fast.address, slow.address], { undici: { connect: connector } });
  const orders = clerk.bind('/shop/orders', { policy: 'round-robin', attemptTimeoutMs: 50 });

  for (let i = 0; i < 60 && slow.requests.length < 5; i++) {
    await orders.json('/orders');
    await sleep(20);
  }
  expect(slow.requests.length).toBeGreaterThanOrEqual(5);
});

const waysToAbort: readonly [how: string, abort: (orders: Binding) => Promise<void>][] = [
  [
    'destroys a response body',
    async (orders) => {
      const { body } = await orders.request({ path: '/' });
      body.on('error', () => undefined).destroy();
    },
  ],
  [
    'aborts a response body',
    async (orders) => {
      const controller = new AbortController();
      const { body } = await orders.request({ path: '/', signal: controller.signal });
      body.on('error', () => undefined);
      controller.abort();
    },
  ],
  [
    'aborts a call without response',
    async (orders) => {
      const signal = AbortSignal.timeout(50);
      await orders.request({ path: '/silent', signal }).catch(() => undefined);
    },
  ],
];

test.each(waysToAbort)(
  'a program that %s leaves no connection, and causes no further one',
  async (_how, abort) => {
    const server = await webServer((request, response) => {
      if (request.url === '/') response.write('a part');
    });
    let opened = 0;
    const open = new Set<Socket>();
    server.server.on('connection', (socket: Socket) => {
      opened++;
      open.add(socket.on('close', () => open.delete(socket)));
    });
    const { orders } = testClerk([server.address]);

    for (let i = 0; i < 5; i++) await abort(orders);

    await vi.waitFor(() => expect(open.size).toBe(0));
    await sleep(200);
    expect([opened, open.size]).toEqual([5, 0]);
  },
);

test('an attempt that another endpoint has overtaken leaves no connection, and causes no further one', async () => {
  const slow = await webServer(() => undefined);
  const fast = await hello();
  let opened = 0;
  const open = new Set<Socket>();
  slow.server.on('connection', (socket: Socket) => {
    opened++;
    open.add(socket.on('close', () => open.delete(socket)));
  });
  const { orders } = testClerk([slow.address, fast.address], {}, { attemptTimeoutMs: 20, probe: false });

  await orders.json('/');

  await vi.waitFor(() => expect([opened, open.size]).toEqual([1, 0]));
  await sleep(200);
  expect([opened, open.size]).toEqual([1, 0]);
});
