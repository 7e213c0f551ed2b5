/** What each status does: fail over, wait and retry, or go to the caller. */
import type { OutgoingHttpHeaders } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { CallKind } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

const kinds: readonly CallKind[] = ['safe', 'idempotent', 'once'];
const methods = { safe: 'GET', idempotent: 'PUT', once: 'POST' } as const;

/** A server that gives one response after the other; the last one is repeated. */
function respondsWith(
  ...responses: readonly (readonly [status: number, body: string, headers?: OutgoingHttpHeaders])[]
) {
  let turn = 0;
  return webServer((_request, response) => {
    const [status, body, headers] = responses[
      Math.min(turn++, responses.length - 1)
    ] as (typeof responses)[number];
    response.writeHead(status, headers).end(body);
  });
}

describe.each([502, 503, 504])('%i', (status) => {
  test.each(['safe', 'idempotent'] as const)(
    'of a call of kind %s fails over to another endpoint',
    async (kind) => {
      const first = await respondsWith([status, 'not me']);
      const second = await respondsWith([200, 'but me']);
      const { orders, outcomes } = testClerk([first.address, second.address]);

      const { statusCode, body, attempts, endpoint } = await orders.request({
        path: '/orders',
        method: methods[kind],
        kind,
      });

      expect([statusCode, await body.text(), attempts, endpoint.id]).toEqual([
        200,
        'but me',
        2,
        second.address,
      ]);
      expect(outcomes.map(({ stage, code, verdict }) => [stage, code, verdict])).toEqual([
        ['answered', `${status}`, 'failure'],
        ['answered', '200', 'success'],
      ]);
    },
  );

  test('of a once call goes to the caller', async () => {
    const first = await respondsWith([status, 'not me']);
    const second = await respondsWith([200, 'but me']);
    const { orders } = testClerk([first.address, second.address]);

    const { statusCode, body } = await orders.request({ path: '/orders', method: 'POST' });

    expect([statusCode, await body.text()]).toEqual([status, 'not me']);
    expect(second.requests).toEqual([]);
  });

  test('of every endpoint: the last response is returned, with body and headers', async () => {
    const first = await respondsWith([status, 'the first is busy']);
    const second = await respondsWith([status, 'the second is busy', { 'x-why': 'lunch' }]);
    const { orders } = testClerk([first.address, second.address]);

    const { statusCode, body, headers, attempts } = await orders.request({ path: '/orders' });

    expect([statusCode, await body.text(), headers['x-why'], attempts]).toEqual([
      status,
      'the second is busy',
      'lunch',
      2,
    ]);
    expect([first.requests.length, second.requests.length]).toEqual([1, 1]);
  });

  test('is delivered when the other endpoints are unreachable', async () => {
    const first = await respondsWith([status, 'busy, but here', { 'x-why': 'lunch' }]);
    const { orders } = testClerk([first.address, await unusedAddress()]);

    const { statusCode, body, headers, endpoint } = await orders.request({ path: '/orders' });

    expect([statusCode, await body.text(), headers['x-why'], endpoint.id]).toEqual([
      status,
      'busy, but here',
      'lunch',
      first.address,
    ]);
  });
});

describe('a deferred response', () => {
  test('throws BAD_STATUS from json, text and bytes if no other endpoint does better', async () => {
    const first = await respondsWith([503, 'busy, but here']);
    const { orders } = testClerk([first.address, await unusedAddress()]);

    for (const read of ['json', 'text', 'bytes'] as const) {
      const error = await clerkErrorOf(orders[read]('/orders'));
      expect([error.code, error.statusCode, error.bodyText]).toEqual(['BAD_STATUS', 503, 'busy, but here']);
    }
  });

  test('of more than 64 KiB is paused, and delivered in full if no other endpoint does better', async () => {
    const text = Array.from({ length: 100_000 }, (_, i) => String(i)).join(' ');
    const first = await respondsWith([503, text]);
    const { orders } = testClerk([first.address, await unusedAddress()]);

    const { statusCode, body } = await orders.request({ path: '/orders' });

    expect([statusCode, await body.text()]).toEqual([503, text]);
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });
});

describe('a deferred response that never ends', () => {
  const endless = () => webServer((_request, response) => void response.writeHead(503).write('busy, and '));

  test('is aborted when another endpoint has responded', async () => {
    const first = await endless();
    const second = await respondsWith([200, 'me']);
    const { orders, clerk } = testClerk([first.address, second.address]);
    const cut = new Promise((resolve) =>
      first.server.on('connection', (socket) => socket.on('close', resolve)),
    );

    expect(await orders.text('/orders')).toBe('me');
    expect(await (await orders.request({ path: '/orders' })).body.text()).toBe('me');

    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0, 0]);
    await cut;
    await clerk.close();
  });

  test('is delivered as a stream, but ends json() at the deadline, when no other endpoint is reachable', async () => {
    const first = await endless();
    const { orders, clerk } = testClerk([first.address, await unusedAddress()]);

    const { statusCode, body } = await orders.request({ path: '/orders', timeoutMs: 300 });
    expect(statusCode).toBe(503);
    body.on('error', () => undefined).destroy();
    const error = await clerkErrorOf(orders.json('/orders', { timeoutMs: 300 }));
    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'unknown']);
    await clerk.close();
  });
});

describe('Retry-After', () => {
  test.each([429, 503])('of a %i is awaited if it fits the deadline', async (status) => {
    const server = await respondsWith([status, 'in a moment', { 'retry-after': '0' }], [200, 'now']);
    const { orders } = testClerk([server.address]);

    const { statusCode, body, attempts } = await orders.request({ path: '/orders' });

    expect([statusCode, await body.text(), attempts]).toEqual([200, 'now', 2]);
  });

  test('of one second, and as a date, is awaited', async () => {
    const second = await respondsWith([429, 'in a second', { 'retry-after': '1' }], [200, 'now']);
    const date = await respondsWith(
      [503, 'then', { 'retry-after': new Date(Date.now() + 500).toUTCString() }],
      [200, 'now'],
    );

    expect(
      await Promise.all([
        testClerk([second.address]).orders.text('/orders'),
        testClerk([date.address]).orders.text('/orders'),
      ]),
    ).toEqual(['now', 'now']);
  });

  test.each([
    ['beyond the deadline', { 'retry-after': '60' }],
    ['missing', {}],
  ])('%s: a 429 goes to the caller', async (_what, headers) => {
    const first = await respondsWith([429, 'slow down', headers]);
    const second = await respondsWith([200, 'me']);
    const { orders } = testClerk([first.address, second.address]);

    const { statusCode, body } = await orders.request({ path: '/orders' });

    expect([statusCode, await body.text()]).toEqual([429, 'slow down']);
    expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
  });

  test('that cannot be read: a 429 is backed off and tried again at the same endpoint', async () => {
    const first = await respondsWith([429, 'slow down', { 'retry-after': 'soon' }], [200, 'welcome']);
    const second = await respondsWith([200, 'me']);
    const { orders } = testClerk([first.address, second.address]);
    expect(await orders.text('/orders')).toBe('welcome');
    expect([first.requests.length, second.requests.length]).toEqual([2, 0]);
  });

  test('is ignored for a once call', async () => {
    const server = await respondsWith([429, 'in a moment', { 'retry-after': '0' }], [200, 'now']);
    const { orders } = testClerk([server.address]);

    expect((await orders.request({ path: '/orders', method: 'POST' })).statusCode).toBe(429);
    expect(server.requests).toHaveLength(1);
  });

  test('again and again: the last response is delivered, after at most five attempts', async () => {
    const server = await respondsWith([429, 'in a moment', { 'retry-after': '0' }]);
    const { orders } = testClerk([server.address]);

    const { statusCode, attempts } = await orders.request({ path: '/orders' });

    expect([statusCode, attempts, server.requests.length]).toEqual([429, 5, 5]);
  });
});

describe.each([400, 401, 404, 409, 500, 501, 505])('%i goes to the caller', (status) => {
  test.each(kinds)('of a call of kind %s', async (kind) => {
    const first = await respondsWith([status, 'that is how it is']);
    const second = await respondsWith([200, 'me']);
    const { orders } = testClerk([first.address, second.address]);

    const { statusCode, body } = await orders.request({ path: '/orders', method: methods[kind], kind });

    expect([statusCode, await body.text()]).toEqual([status, 'that is how it is']);
    expect(second.requests).toEqual([]);
  });

  test('and is an error of json, text and bytes, which contains the body', async () => {
    const server = await respondsWith([status, 'y'.repeat(5_000)]);
    const { orders } = testClerk([server.address]);

    for (const read of ['json', 'text', 'bytes'] as const) {
      const error = await clerkErrorOf(orders[read]('/orders'));
      expect([error.code, error.execution, error.statusCode, error.bodyText]).toEqual([
        'BAD_STATUS',
        'done',
        status,
        'y'.repeat(4_096),
      ]);
    }
  });
});

describe('informational responses', () => {
  const hinting = () =>
    webServer((_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('{"ok":true}');
    });

  test('go to onInfo instead of the final response', async () => {
    const server = await hinting();
    const { orders, outcomes } = testClerk([server.address]);
    const infos: number[] = [];

    const { statusCode, body } = await orders.request({
      path: '/orders',
      onInfo: ({ statusCode: code }) => void infos.push(code),
    });

    expect([infos, statusCode, await body.json()]).toEqual([[103], 200, { ok: true }]);
    expect(await orders.json('/orders')).toEqual({ ok: true });
    expect(outcomes.map(({ code }) => code)).toEqual(['200', '200']);
  });

  test('neither make a once call retryable nor end its attempt', async () => {
    const server = await webServer((_request, response) =>
      response.writeEarlyHints({ link: '</style.css>; rel=preload' }),
    );
    const { orders } = testClerk([server.address]);

    const error = await clerkErrorOf(orders.json('/orders', { method: 'POST', timeoutMs: 300 }));
    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'unknown']);
  });
});

test('trailers arrive after the body', async () => {
  const server = await webServer((_request, response) => {
    response.writeHead(200, { trailer: 'x-sum' });
    response.write('body');
    response.addTrailers({ 'x-sum': '7' });
    response.end();
  });
  const { body, trailers } = await testClerk([server.address]).orders.request({ path: '/orders' });

  expect([await body.text(), trailers]).toEqual(['body', { 'x-sum': '7' }]);
});

describe('statuses and health', () => {
  test('consecutive failures eject an endpoint while another one answers well; 501 and 4xx do not', async () => {
    const failing = await respondsWith([500, 'broken']);
    const unable = await respondsWith([501, 'never']);
    const well = await respondsWith([200, 'well']);
    const a = testClerk([failing.address, well.address]);
    const b = testClerk([unable.address, well.address]);
    const ejected: string[] = [];
    for (const { clerk } of [a, b])
      clerk.on('ejected', ({ endpoint, reason }) => ejected.push(`${endpoint} ${reason}`));

    const statuses: number[] = [];
    for (let i = 0; i < 20; i++)
      for (const { orders } of [a, b]) {
        const { statusCode, body } = await orders.request({ path: '/orders' });
        await body.dump();
        statuses.push(statusCode);
      }

    expect(ejected).toEqual([`${failing.address} failures`]);
    // From the third failure on, each call is tried at the other endpoint too, whose answers are compared.
    expect(failing.requests.length).toBeLessThanOrEqual(8);
    expect(statuses.filter((status) => status === 500).length).toBeLessThanOrEqual(2);
    expect(unable.requests.length).toBe(20);
  });

  test('retries stay within the budget when all endpoints return 503', async () => {
    const first = await respondsWith([503, 'busy']);
    const second = await respondsWith([503, 'busy']);
    const { orders } = testClerk([first.address, second.address]);
    const calls = 200;

    const statuses = await Promise.all(
      Array.from({ length: calls }, async () => {
        const { statusCode, body } = await orders.request({ path: '/orders' });
        await body.dump();
        return statusCode;
      }),
    );

    expect(new Set(statuses)).toEqual(new Set([503]));
    const sent = first.requests.length + second.requests.length;
    expect(sent).toBeGreaterThan(calls);
    expect(sent).toBeLessThanOrEqual(calls * 1.1 + 30);
  });
});
