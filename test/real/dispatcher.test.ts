/** The clerk as an undici dispatcher: names under `.clerk` are calls, all other requests pass unchanged. */
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import * as undici from 'undici';
import type { Dispatcher } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { WebSocketServer } from 'ws';
import { createClerk, isClerkError } from 'binding-clerk';
import { seededRandom } from '../../src/testing/seeded-random.js';
import { testClerk } from './test-clerk.js';
import { rawPeer } from './raw-peer.js';
import { bodyOf, unusedAddress, webServer } from './web-server.js';

const origin = 'http://orders.shop.clerk';

/**
 * A server that echoes request bodies, and all bytes after an upgrade.
 * @param delays - of responses and upgrades, in ms
 */
async function echo(delays: { readonly responseMs?: number; readonly upgradeMs?: () => number } = {}) {
  const { responseMs = 0, upgradeMs = () => 0 } = delays;
  const server = await webServer(
    (request, response) =>
      void bodyOf(request)
        .then((body) => (responseMs === 0 ? body : sleep(responseMs, body)))
        .then((body) => response.end(body.length > 0 ? body : '{"ok":true}')),
  );
  const onUpgrade = (request: IncomingMessage, socket: Socket): void => {
    socket.on('error', () => undefined);
    if (request.url === '/never') return;
    upgraded.push(String(request.headers.host));
    const accept = (): void => {
      socket.write(
        request.method === 'CONNECT'
          ? 'HTTP/1.1 200 OK\r\n\r\n'
          : 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n',
      );
      socket.pipe(socket);
    };
    const delayMs = upgradeMs();
    if (delayMs === 0) accept();
    else void sleep(delayMs).then(accept);
  };
  const upgraded: string[] = [];
  server.server.on('upgrade', onUpgrade).on('connect', onUpgrade);
  return { ...server, upgraded };
}

describe('undici’s own methods over the dispatcher', () => {
  test('request, stream and pipeline reach the second endpoint when the first refuses', async () => {
    const server = await echo();
    const { clerk } = testClerk([await unusedAddress(), server.address]);
    const { dispatcher } = clerk;

    const { body } = await undici.request(`${origin}/orders`, {
      method: 'POST',
      body: 'one pizza',
      dispatcher,
    });
    expect(await body.text()).toBe('one pizza');

    const chunks: Buffer[] = [];
    await dispatcher.stream(
      { origin, path: '/orders', method: 'POST', body: 'two pizzas' },
      () =>
        new Writable({
          write: (chunk: Buffer, _encoding, done) => {
            chunks.push(chunk);
            done();
          },
        }),
    );
    expect(Buffer.concat(chunks).toString()).toBe('two pizzas');

    const pipeline = dispatcher.pipeline(
      { origin, path: '/orders', method: 'POST' },
      ({ body: reply }) => reply,
    );
    pipeline.end('three pizzas');
    expect(await text(pipeline)).toBe('three pizzas');
    expect(new Set(server.hosts)).toEqual(new Set(['orders.shop.clerk']));
  });

  test('a handler is events what was sent', async () => {
    const server = await echo();
    const { clerk } = testClerk([await unusedAddress(), server.address]);
    const events: string[] = [];
    await new Promise<void>((resolve, reject) => {
      const handler = {
        onConnect: () => events.push('connect'),
        onBodySent: () => events.push('body'),
        onRequestSent: () => events.push('request'),
        onHeaders: () => events.push('headers') > 0,
        onData: () => true,
        onComplete: () => resolve(),
        onError: reject,
      };
      clerk.dispatcher.dispatch({ origin, path: '/orders', method: 'POST', body: 'one pizza' }, handler);
    });
    expect(events).toEqual(['connect', 'body', 'request', 'headers']);
  });

  test('connect returns the connection', async () => {
    const server = await echo();
    const { clerk } = testClerk([await unusedAddress(), server.address]);

    const { socket, statusCode } = await clerk.dispatcher.connect({ origin, path: 'inside:80' });
    socket.write('hello');

    expect([statusCode, String(await once(socket, 'data'))]).toEqual([200, 'hello']);
    socket.destroy();
  });

  test('accepts the origin as a URL too', async () => {
    const server = await echo();
    const { clerk } = testClerk([server.address]);

    const { body } = await clerk.dispatcher.request({
      origin: new URL(origin),
      path: '/orders',
      method: 'GET',
    });
    expect(await body.json()).toEqual({ ok: true });
  });

  test('accepts a host under .clerk in capital letters', async () => {
    const server = await echo();
    const { clerk } = testClerk([server.address]);

    const { body } = await clerk.dispatcher.request({
      origin: 'HTTP://Orders.Shop.CLERK',
      path: '/orders',
      method: 'GET',
    });
    expect(await body.json()).toEqual({ ok: true });
  });

  test('an error is the ClerkError itself', async () => {
    const { clerk } = testClerk([await unusedAddress()]);
    const error: unknown = await undici
      .request(`${origin}/orders`, { dispatcher: clerk.dispatcher })
      .catch((reason: unknown) => reason);

    expect(isClerkError(error) && [error.code, error.execution]).toEqual(['ENDPOINTS_EXHAUSTED', 'none']);
  });

  test('undici’s option idempotent is respected', async () => {
    const peer = await rawPeer('reset');
    const server = await echo();
    const { clerk } = testClerk([{ address: peer.address }, { address: server.address, weight: 0 }]);

    const { body } = await clerk.dispatcher.request({
      origin,
      path: '/orders',
      method: 'PUT',
      body: 'one pizza',
      idempotent: true,
    });
    expect([await body.text(), peer.executed.length]).toEqual(['one pizza', 1]);
  });
});

describe('upgrades', () => {
  test('the deadline applies to the handshake only', async () => {
    const server = await echo();
    const { clerk, orders } = testClerk([await unusedAddress(), server.address]);

    const pending = (): number =>
      orders.explain().candidates.reduce((sum, candidate) => sum + candidate.pending, 0);

    const { socket } = await clerk.dispatcher.upgrade({
      origin,
      path: '/live',
      protocol: 'echo',
      timeoutMs: 1_000,
    } as Dispatcher.UpgradeOptions);
    await sleep(1_100);
    socket.write('still here');

    expect(String(await once(socket, 'data'))).toBe('still here');
    expect(server.upgraded).toEqual(['orders.shop.clerk']);
    expect(pending()).toBe(1);
    socket.destroy();
    await once(socket, 'close');
    expect(pending()).toBe(0);
  });

  test('200 held sockets spread evenly over two endpoints, although one has answered twice as slowly and some upgrades take long', async () => {
    const random = seededRandom(11);
    const upgradeMs = (): number => (random() < 0.1 ? 20 + 80 * random() : 0);
    const servers = await Promise.all([
      echo({ responseMs: 30, upgradeMs }),
      echo({ responseMs: 60, upgradeMs }),
    ]);
    const clerk = createClerk({ registry: { '/shop/orders': servers.map(({ address }) => address) } });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders');
    // On a busy machine, an upgrade that is late makes its endpoint suspect.
    const attemptTimeoutMs = 5_000;
    // The second call goes to the endpoint whose latency is unknown.
    for (let i = 0; i < 2; i++) await orders.json('/orders', { attemptTimeoutMs });
    expect(servers.map(({ requests }) => requests.length)).toEqual([1, 1]);

    const upgrade = {
      origin,
      path: '/live',
      protocol: 'echo',
      attemptTimeoutMs,
    } as Dispatcher.UpgradeOptions;
    for (let i = 0; i < 200; i++) await clerk.dispatcher.upgrade(upgrade);

    const counts = servers.map(({ upgraded }) => upgraded.length);
    expect(counts[0]! + counts[1]!).toBe(200);
    for (const count of counts) expect(Math.abs(count - 100), String(counts)).toBeLessThanOrEqual(10);
  });

  test('a handshake without response ends at the deadline', async () => {
    const server = await echo();
    const { clerk } = testClerk([server.address]);

    const error: unknown = await clerk.dispatcher
      .upgrade({ origin, path: '/never', protocol: 'echo', timeoutMs: 200 } as Dispatcher.UpgradeOptions)
      .catch((reason: unknown) => reason);

    expect(isClerkError(error) && [error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'unknown']);
  });

  test('a WebSocket reaches a live endpoint, and outlives the deadline', async () => {
    const server = await webServer(() => undefined);
    const sockets = new WebSocketServer({ server: server.server });
    sockets.on('connection', (socket) =>
      socket.on('message', (message) => socket.send(`you said ${(message as Buffer).toString()}`)),
    );
    const { clerk } = testClerk([await unusedAddress(), server.address]);

    const socket = new undici.WebSocket(`${origin.replace('http', 'ws')}/live`, {
      dispatcher: clerk.dispatcher,
    });
    await new Promise((resolve, reject) => {
      socket.addEventListener('open', resolve);
      socket.addEventListener('error', reject);
    });
    const reply = new Promise((resolve) => socket.addEventListener('message', ({ data }) => resolve(data)));
    socket.send('hello');

    expect(await reply).toBe('you said hello');
    const closed = new Promise((resolve) => socket.addEventListener('close', resolve));
    socket.close();
    await closed;
  });
});

describe('fetch', () => {
  /** Node's types do not know the dispatcher of another undici; the option is the same. */
  const by = (dispatcher: Dispatcher, init: RequestInit = {}): RequestInit => ({
    ...init,
    dispatcher: dispatcher as never,
  });

  test('Node’s own fetch accepts it', async () => {
    const server = await echo();
    const { clerk } = testClerk([await unusedAddress(), server.address]);

    const response = await fetch(
      `${origin}/orders`,
      by(clerk.dispatcher, { method: 'POST', body: 'one pizza' }),
    );
    expect([response.status, await response.text()]).toEqual([200, 'one pizza']);
  });

  test('Node’s own fetch rejects with a TypeError whose cause is a ClerkError', async () => {
    const { clerk } = testClerk([await unusedAddress()]);

    const error = (await fetch(`${origin}/orders`, by(clerk.dispatcher)).catch(
      (reason: unknown) => reason,
    )) as TypeError;
    expect(error).toBeInstanceOf(TypeError);
    expect(isClerkError(error.cause) && error.cause.code).toBe('ENDPOINTS_EXHAUSTED');
  });

  test('as the global dispatcher it serves all fetches of the program', async () => {
    const server = await echo();
    const elsewhere = await webServer((_request, response) => void response.end('elsewhere'));
    const before = undici.getGlobalDispatcher();
    const { clerk } = testClerk([server.address]);
    undici.setGlobalDispatcher(clerk.dispatcher);
    onTestFinished(() => undici.setGlobalDispatcher(before));

    expect(await (await fetch(`${origin}/orders`)).json()).toEqual({ ok: true });
    expect(await (await fetch(`${elsewhere.address}/page`)).text()).toBe('elsewhere');
    expect(await (await undici.request(`${origin}/orders`)).body.json()).toEqual({ ok: true });
    expect(await (await undici.request(`${elsewhere.address}/page`)).body.text()).toBe('elsewhere');
  });

  test('a redirect to another name is bound again, one elsewhere passes through; only fetch follows redirects', async () => {
    const stock = await webServer((_request, response) => void response.end('stock'));
    const outside = await webServer((_request, response) => void response.end('outside'));
    const server = await webServer(
      (request, response) =>
        void response
          .writeHead(302, {
            location: request.url === '/a' ? 'http://stock.shop.clerk/all' : `${outside.address}/page`,
          })
          .end(),
    );
    const clerk = createClerk({ registry: { '/shop/orders': server.address, '/shop/stock': stock.address } });
    onTestFinished(() => clerk.destroy());

    expect(await (await clerk.fetch(`${origin}/a`)).text()).toBe('stock');
    expect(await (await clerk.fetch(`${origin}/b`)).text()).toBe('outside');
    expect((await clerk.bind('/shop/orders').request({ path: '/a' })).statusCode).toBe(302);
    expect(stock.hosts).toEqual(['stock.shop.clerk']);
  });

  test("with redirects: 'names', a redirect elsewhere is refused with its body; one to a name is followed", async () => {
    const stock = await webServer((_request, response) => void response.end('stock'));
    const outside = await webServer((_request, response) => void response.end('outside'));
    const server = await webServer(
      (request, response) =>
        void response
          .writeHead(307, {
            location: request.url === '/a' ? 'http://stock.shop.clerk/all' : `${outside.address}/page`,
          })
          .end(),
    );
    const registry = { '/shop/orders': server.address, '/shop/stock': stock.address };
    const clerk = createClerk({ registry, redirects: 'names' });
    onTestFinished(() => clerk.destroy());
    const post = (path: string): Promise<Response> =>
      clerk.fetch(origin + path, { method: 'POST', body: 'secret' });

    expect(await (await post('/a')).text()).toBe('stock');
    expect(await post('/b').catch((error: unknown) => error)).toMatchObject({
      name: 'TypeError',
      cause: { code: 'FORBIDDEN', execution: 'done' },
    });
    expect(outside.requests).toEqual([]);
    expect(await (await clerk.fetch(`${outside.address}/page`)).text()).toBe('outside');
  });

  test('accepts a complete Request of Node or undici', async () => {
    const server = await webServer(
      (request, response) =>
        void bodyOf(request).then((body) =>
          response.end([request.method, request.headers['x-who'], body].join(' ')),
        ),
    );
    const { clerk } = testClerk([server.address]);
    const init = { method: 'PUT', headers: { 'x-who': 'me' }, body: 'one pizza' };
    const foreign: unknown = new undici.Request(`${origin}/orders`, init);

    expect(await (await clerk.fetch(new Request(`${origin}/orders`, init))).text()).toBe('PUT me one pizza');
    expect(await (await clerk.fetch(foreign as Request)).text()).toBe('PUT me one pizza');
    const controller = new AbortController();
    controller.abort();
    const aborted = new Request(`${origin}/orders`, { signal: controller.signal });
    expect(await clerk.fetch(aborted).catch((error: unknown) => error)).toMatchObject({ name: 'AbortError' });
    const changed = await clerk.fetch(new Request(`${origin}/orders`, init), { method: 'POST', body: 'two' });
    expect(await changed.text()).toBe('POST me two');
    expect(server.requests).toHaveLength(3);
  });

  test.each([
    [
      'FormData',
      () => {
        const form = new FormData();
        form.set('what', 'pizza');
        return form;
      },
      'pizza',
    ],
    ['a Blob', () => new Blob(['pizza']), 'pizza'],
    ['URLSearchParams', () => new URLSearchParams({ what: 'pizza' }), 'what=pizza'],
    ['a ReadableStream', () => new Blob(['pizza']).stream(), 'pizza'],
  ])('accepts %s as a body', async (_what, make, expected) => {
    const server = await echo();
    const { clerk } = testClerk([await unusedAddress(), server.address]);

    const response = await clerk.fetch(`${origin}/orders`, {
      method: 'POST',
      body: make(),
      duplex: 'half',
    });
    expect(await response.text()).toContain(expected);
  });

  test('returns a Response of the program’s own class', async () => {
    const server = await echo();
    const { clerk } = testClerk([server.address]);
    const response = await clerk.fetch(`${origin}/orders`, { headers: new Headers({ 'x-who': 'me' }) });

    expect([response.ok, response.url, response.headers.get('content-length')]).toEqual([
      true,
      `${origin}/orders`,
      '11',
    ]);
    expect(await response.clone().json()).toEqual({ ok: true });
  });

  test('accepts the options of any call', async () => {
    const peer = await rawPeer('reset');
    const server = await echo();
    const { clerk } = testClerk([{ address: peer.address }, { address: server.address, weight: 0 }]);

    const put = { method: 'PUT', kind: 'idempotent' } as const;
    expect(await (await clerk.fetch(`${origin}/orders`, put)).json()).toEqual({ ok: true });
    const bad = await clerk.fetch(`${origin}/orders`, { timeoutMs: -1 }).catch((error: unknown) => error);
    expect(bad).toBeInstanceOf(TypeError);
    expect((bad as TypeError).cause).toMatchObject({ code: 'CONFIG_INVALID' });
  });

  test.each([
    'http://clerk/',
    'http://orders.shop.clerk:8080/',
    'http://orders.shop.clerk./',
    'http://UPPER_CASE.clerk/',
    'http://mañana.clerk/',
  ])('%s is not a name', async (url) => {
    const server = await echo();
    const { clerk } = testClerk([server.address]);
    const error = (await clerk.fetch(url).catch((reason: unknown) => reason)) as TypeError;

    expect(error).toBeInstanceOf(TypeError);
    expect(error.cause).toMatchObject({ code: 'NAME_INVALID', execution: 'none' });
    expect(server.requests).toEqual([]);
  });
});

describe('other origins', () => {
  function recorder() {
    const calls: unknown[][] = [];
    let closes = 0;
    const passTo = {
      dispatch: (...args: unknown[]) => {
        calls.push(args);
        return false;
      },
      close: () => closes++,
      destroy: () => closes++,
    };
    const clerk = createClerk({ registry: {}, dispatcher: passTo as unknown as Dispatcher });
    return { calls, clerk, closes: () => closes };
  }

  test.each([
    'http://example.com',
    'https://clerk.example.com',
    'http://notclerk',
    'http://orders.clerk.com',
    'http://127.0.0.1:80',
    new URL('http://example.com'),
  ])('%s reaches the given dispatcher with the same options, handler and result', async (elsewhere) => {
    const { calls, clerk } = recorder();
    const options = Object.freeze({ origin: elsewhere, path: '/', method: 'GET' as const });
    const handler = Object.freeze({ onRequestStart: () => undefined });

    expect(clerk.dispatcher.dispatch(options, handler)).toBe(false);

    expect(calls).toHaveLength(1);
    expect(calls[0]?.[0]).toBe(options);
    expect(calls[0]?.[1]).toBe(handler);
    await clerk.close();
  });

  test('the given dispatcher is never closed', async () => {
    const { clerk, closes } = recorder();
    await clerk.close();
    await clerk.destroy();
    expect(closes()).toBe(0);
  });

  test('the default is the global dispatcher at the clerk’s creation', async () => {
    const before = undici.getGlobalDispatcher();
    onTestFinished(() => undici.setGlobalDispatcher(before));
    const origins: unknown[] = [];
    const recording = {
      dispatch: (options: Dispatcher.DispatchOptions) => origins.push(options.origin) > 0,
    } as unknown as Dispatcher;
    undici.setGlobalDispatcher(
      Object.assign(Object.create(undici.Dispatcher.prototype) as Dispatcher, recording),
    );
    const clerk = createClerk({ registry: {} });
    undici.setGlobalDispatcher(before);

    clerk.dispatcher.dispatch({ origin: 'http://example.com', path: '/', method: 'GET' }, {});
    expect(origins).toEqual(['http://example.com']);
    await clerk.close();
  });
});
