/** What each status means: worth asking somebody else, worth waiting for, or simply the answer. */
import type { OutgoingHttpHeaders } from 'node:http';
import { describe, expect, test } from 'vitest';
import type { CallKind } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

const kinds: readonly CallKind[] = ['safe', 'idempotent', 'once'];
const methods = { safe: 'GET', idempotent: 'PUT', once: 'POST' } as const;

/** A server that gives one answer after the other, the last one for ever. */
function says(
  ...answers: readonly (readonly [status: number, body: string, headers?: OutgoingHttpHeaders])[]
) {
  let turn = 0;
  return webServer((_request, response) => {
    const [status, body, headers] = answers[Math.min(turn++, answers.length - 1)] as (typeof answers)[number];
    response.writeHead(status, headers).end(body);
  });
}

describe.each([502, 503, 504])('%i', (status) => {
  test.each(['safe', 'idempotent'] as const)(
    'of a call that is %s is passed over for another endpoint',
    async (kind) => {
      const first = await says([status, 'not me']);
      const second = await says([200, 'but me']);
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

  test('of a call that must run at most once is its answer', async () => {
    const first = await says([status, 'not me']);
    const second = await says([200, 'but me']);
    const { orders } = testClerk([first.address, second.address]);

    const { statusCode, body } = await orders.request({ path: '/orders', method: 'POST' });

    expect([statusCode, await body.text()]).toEqual([status, 'not me']);
    expect(second.requests).toEqual([]);
  });

  test('of everybody is returned, the last one, with its body and headers', async () => {
    const first = await says([status, 'the first is busy']);
    const second = await says([status, 'the second is busy', { 'x-why': 'lunch' }]);
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

  test('is handed over after all when the others cannot even be reached', async () => {
    const first = await says([status, 'busy, but here', { 'x-why': 'lunch' }]);
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

describe('an answer that was passed over', () => {
  test('throws BAD_STATUS from json, text and bytes when nobody did better', async () => {
    const first = await says([503, 'busy, but here']);
    const { orders } = testClerk([first.address, await unusedAddress()]);

    for (const read of ['json', 'text', 'bytes'] as const) {
      const error = await clerkErrorOf(orders[read]('/orders'));
      expect([error.code, error.statusCode, error.bodyText]).toEqual(['BAD_STATUS', 503, 'busy, but here']);
    }
  });

  test('of more than 64 KiB is not kept, and the call fails', async () => {
    const first = await says([503, 'x'.repeat(70_000)]);
    const { orders } = testClerk([first.address, await unusedAddress()]);

    const error = await clerkErrorOf(orders.request({ path: '/orders' }));

    expect([error.code, error.execution]).toEqual(['ENDPOINTS_EXHAUSTED', 'unknown']);
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });
});

describe('an answer that was passed over and never ends', () => {
  const endless = () => webServer((_request, response) => void response.writeHead(503).write('busy, and '));

  test('is let go when somebody else has answered', async () => {
    const first = await endless();
    const second = await says([200, 'me']);
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

  test('is not waited for beyond the deadline when nobody else can be reached', async () => {
    const first = await endless();
    const { orders, clerk } = testClerk([first.address, await unusedAddress()]);

    const error = await clerkErrorOf(orders.request({ path: '/orders', timeoutMs: 300 }));
    expect(error.execution).toBe('unknown');
    await clerk.close();
  });
});

describe('Retry-After', () => {
  test.each([429, 503])('of a %i is waited for if it fits the deadline', async (status) => {
    const server = await says([status, 'in a moment', { 'retry-after': '0' }], [200, 'now']);
    const { orders } = testClerk([server.address]);

    const { statusCode, body, attempts } = await orders.request({ path: '/orders' });

    expect([statusCode, await body.text(), attempts]).toEqual([200, 'now', 2]);
  });

  test('of one second, and as a date, is waited for too', async () => {
    const second = await says([429, 'in a second', { 'retry-after': '1' }], [200, 'now']);
    const date = await says(
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
    ['that makes no sense', { 'retry-after': 'soon' }],
    ['missing', {}],
  ])('%s: a 429 is the answer', async (_what, headers) => {
    const first = await says([429, 'slow down', headers]);
    const second = await says([200, 'me']);
    const { orders } = testClerk([first.address, second.address]);

    const { statusCode, body } = await orders.request({ path: '/orders' });

    expect([statusCode, await body.text()]).toEqual([429, 'slow down']);
    expect([first.requests.length, second.requests.length]).toEqual([1, 0]);
  });

  test('is not waited for by a call that must run at most once', async () => {
    const server = await says([429, 'in a moment', { 'retry-after': '0' }], [200, 'now']);
    const { orders } = testClerk([server.address]);

    expect((await orders.request({ path: '/orders', method: 'POST' })).statusCode).toBe(429);
    expect(server.requests).toHaveLength(1);
  });

  test('again and again ends with the last answer, after five attempts at most', async () => {
    const server = await says([429, 'in a moment', { 'retry-after': '0' }]);
    const { orders } = testClerk([server.address]);

    const { statusCode, attempts } = await orders.request({ path: '/orders' });

    expect([statusCode, attempts, server.requests.length]).toEqual([429, 5, 5]);
  });
});

describe.each([400, 401, 404, 409, 500, 501, 505])('%i is the answer', (status) => {
  test.each(kinds)('of a call that is %s', async (kind) => {
    const first = await says([status, 'that is how it is']);
    const second = await says([200, 'me']);
    const { orders } = testClerk([first.address, second.address]);

    const { statusCode, body } = await orders.request({ path: '/orders', method: methods[kind], kind });

    expect([statusCode, await body.text()]).toEqual([status, 'that is how it is']);
    expect(second.requests).toEqual([]);
  });

  test('and an error of json, text and bytes, which says what came', async () => {
    const server = await says([status, 'y'.repeat(5_000)]);
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

describe('informational answers', () => {
  const hinting = () =>
    webServer((_request, response) => {
      response.writeEarlyHints({ link: '</style.css>; rel=preload' });
      response.end('{"ok":true}');
    });

  test('are told to onInfo, and are no answers', async () => {
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

  test('do not make a call that must run at most once fit for a repeat, nor end its waiting', async () => {
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

describe('what statuses teach', () => {
  test('five failures in a row set an endpoint aside; 501 and the caller’s own faults do not', async () => {
    const failing = await says([500, 'broken']);
    const unable = await says([501, 'never']);
    const well = await says([200, 'well']);
    const a = testClerk([failing.address, well.address]);
    const b = testClerk([unable.address, well.address]);
    const ejected: string[] = [];
    for (const { clerk } of [a, b])
      clerk.on('ejected', ({ endpoint, reason }) => ejected.push(`${endpoint} ${reason}`));

    for (let i = 0; i < 8; i++)
      for (const { orders } of [a, b]) await (await orders.request({ path: '/orders' })).body.dump();

    expect(ejected).toEqual([`${failing.address} failures`]);
    expect([failing.requests.length, unable.requests.length]).toEqual([5, 8]);
  });

  test('repeats stay within the budget when everybody is busy', async () => {
    const first = await says([503, 'busy']);
    const second = await says([503, 'busy']);
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
