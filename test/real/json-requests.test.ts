/** The option `json` of requests, and what `json()` makes of a response. */
import { describe, expect, test } from 'vitest';
import type { RequestOptions } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { bodyOf, webServer } from './web-server.js';

function echo() {
  return webServer(
    (request, response) =>
      void bodyOf(request).then((body) =>
        response.end(
          JSON.stringify({ type: request.headers['content-type'] ?? null, body: body.toString() }),
        ),
      ),
  );
}

const post = { path: '/orders', method: 'POST' } as const;

describe('a request with json', () => {
  test.each([
    [{ size: 'large', toppings: ['ham', null] }, '{"size":"large","toppings":["ham",null]}'],
    [[1, 2], '[1,2]'],
    ['text', '"text"'],
    [0, '0'],
    [false, 'false'],
    [null, 'null'],
    [new Date(0), '"1970-01-01T00:00:00.000Z"'],
  ])('sends %j as JSON, with its content type', async (value, body) => {
    const server = await echo();
    const { orders } = testClerk([server.address]);
    expect(await orders.json({ ...post, json: value })).toEqual({ type: 'application/json', body });
  });

  test('is possible with request, text, bytes, gather and clerk.request', async () => {
    const server = await echo();
    const { clerk, orders } = testClerk([server.address]);
    const json = { pizza: 1 };
    const expected = '{"type":"application/json","body":"{\\"pizza\\":1}"}';
    expect(await (await orders.request({ ...post, json })).body.text()).toBe(expected);
    expect(await orders.text('/orders', { method: 'POST', json })).toBe(expected);
    expect(Buffer.from(await orders.bytes({ ...post, json })).toString()).toBe(expected);
    const [gathered] = await orders.gather({ ...post, json });
    expect(gathered?.ok === true && (await gathered.response.body.text())).toBe(expected);
    const response = await clerk.request('/shop/orders/orders', { method: 'POST', json });
    expect(await response.body.text()).toBe(expected);
  });

  test.each<[string, RequestOptions['headers'], string]>([
    ['a record', { 'Content-Type': 'application/vnd.pizza+json', x: 'y' }, 'application/vnd.pizza+json'],
    ['a list', ['content-type', 'application/vnd.pizza+json'], 'application/vnd.pizza+json'],
    ['Headers', new Headers({ 'content-type': 'text/json' }) as never, 'text/json'],
    ['headers without a type', { x: 'y' }, 'application/json'],
  ])('keeps the content type of %s', async (_form, headers, type) => {
    const server = await echo();
    const { orders } = testClerk([server.address]);
    expect(await orders.json({ ...post, json: 1, headers })).toMatchObject({ type });
  });

  test('is serialized once, when the call starts', async () => {
    const server = await echo();
    const { clerk, orders } = testClerk([
      { id: 'a', address: server.address },
      { id: 'b', address: server.address },
    ]);
    let count = 0;
    const json = { toJSON: () => ++count };
    await orders.gather({ ...post, json });
    expect(count).toBe(1);
    const value = { state: 'before' };
    const calls = [
      orders.json<{ body: string }>({ ...post, json: value }),
      clerk
        .request('/shop/orders/orders', { method: 'POST', json: value })
        .then(({ body }) => body.json() as Promise<{ body: string }>),
    ];
    value.state = 'after';
    for (const { body } of await Promise.all(calls)) expect(body).toBe('{"state":"before"}');
  });

  test('json: undefined sends no body', async () => {
    const server = await echo();
    const { orders } = testClerk([server.address]);
    expect(await orders.json({ ...post, json: undefined, body: 'x' })).toEqual({ type: null, body: 'x' });
    expect(await orders.json({ ...post, json: undefined })).toEqual({ type: null, body: '' });
  });

  const cyclic: Record<string, unknown> = {};
  cyclic.self = cyclic;
  test.each([
    ['a body too', { json: {}, body: 'text' }, 'json and body are both given'],
    ['a function', { json: () => 1 }, 'json must be a value that JSON can hold; got a function'],
    ['a symbol', { json: Symbol('x') }, 'json must be a value that JSON can hold'],
    ['a bigint', { json: { id: 1n } }, 'json must be a value that JSON can hold: '],
    ['a cycle', { json: cyclic }, 'json must be a value that JSON can hold: '],
  ])('is refused with %s', async (_value, options, message) => {
    const server = await echo();
    const { clerk, orders } = testClerk([server.address]);
    const all = { ...post, ...options };
    const { path: _path, ...rest } = all;
    for (const call of [
      orders.json(all),
      orders.request(all),
      orders.gather(all),
      clerk.request('/shop/orders/orders', rest),
    ])
      await expect(call).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
        execution: 'none',
        message: expect.stringContaining(message) as string,
      });
    expect(server.requests).toEqual([]);
  });

  test.each([{ a: 1 }, [{ a: 1 }], 5, true, new Map().size])(
    'body: %j is refused, and the message names json',
    async (body) => {
      const server = await echo();
      const { orders } = testClerk([server.address]);
      for (const call of [
        orders.json({ ...post, body: body as never }),
        orders.request({ ...post, body: body as never }),
        orders.gather({ ...post, body: body as never }),
      ])
        await expect(call).rejects.toMatchObject({
          code: 'CONFIG_INVALID',
          message: expect.stringContaining('pass it as json') as string,
        });
      expect(server.requests).toEqual([]);
    },
  );
});

describe('json()', () => {
  test.each([
    ['204', 204, ''],
    ['an empty 200', 200, ''],
    ['an empty 201', 201, ''],
  ])('of %s is undefined', async (_response, status, body) => {
    const server = await webServer((_request, response) => response.writeHead(status).end(body));
    const { orders } = testClerk([server.address]);
    expect(await orders.json('/')).toBeUndefined();
    expect(await orders.text('/')).toBe('');
  });

  test.each(['<html>', '{"a":', ' ', 'undefined'])('of the body %j is BODY_INVALID', async (body) => {
    const server = await webServer((_request, response) => response.end(body));
    const { orders } = testClerk([server.address]);
    await expect(orders.json('/')).rejects.toMatchObject({
      code: 'BODY_INVALID',
      execution: 'done',
      statusCode: 200,
      cause: expect.any(SyntaxError) as SyntaxError,
    });
    // The endpoint has responded, so it is not at fault.
    expect(orders.explain().candidates[0]?.status).toBe('open');
  });

  test('of a response that breaks the rules of HTTP is RESPONSE_INVALID', async () => {
    const server = await webServer((request) => request.socket.write('HTTP/1.1 abc\r\n\r\n'));
    const { orders } = testClerk([server.address]);
    await expect(orders.json('/')).rejects.toMatchObject({ code: 'RESPONSE_INVALID' });
  });
});
