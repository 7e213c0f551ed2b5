/** Request and response bodies: replayable bodies are sent again intact, others once; response bodies arrive complete. */
import { createHash } from 'node:crypto';
import type { RequestListener } from 'node:http';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { FormData as UndiciFormData } from 'undici';
import { isClerkError, type RequestOptions } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { rawPeer } from './raw-peer.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { bodyOf, unusedAddress, webServer } from './web-server.js';

const text = 'two pizzas, one with ¡jalapeños! \u{1F336}';
const bytes = Buffer.from(text);

/** Responds with the request body. */
const echo: RequestListener = (request, response) => {
  void bodyOf(request).then((body) => {
    response.setHeader('content-type', 'application/json');
    response.end(
      JSON.stringify({
        type: request.headers['content-type'] ?? null,
        length: request.headers['content-length'] ?? null,
        text: body.toString(),
      }),
    );
  });
};

interface Echoed {
  readonly type: string | null;
  readonly length: string | null;
  readonly text: string;
}

/** A view into the middle of a larger buffer. */
function offset(): Uint8Array {
  const whole = new Uint8Array(bytes.length + 20).fill(0x21);
  whole.set(bytes, 7);
  return whole.subarray(7, 7 + bytes.length);
}

function form(Form: typeof FormData): FormData {
  const data = new Form();
  data.append('what', text);
  data.append('photo', new Blob([bytes]), 'pizza.png');
  return data;
}

const whole: readonly [what: string, make: () => RequestOptions['body']][] = [
  ['a string', () => text],
  ['a Buffer', () => bytes],
  ['a Uint8Array with an offset', offset],
  ['an ArrayBuffer', () => bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length)],
  ['a Blob', () => new Blob([bytes])],
];

const streams: readonly [what: string, make: () => RequestOptions['body']][] = [
  ['a Readable', () => Readable.from([bytes.subarray(0, 5), bytes.subarray(5)])],
  [
    'an async iterable',
    () =>
      (async function* () {
        yield bytes.subarray(0, 5);
        yield bytes.subarray(5);
      })(),
  ],
];

const formType = 'application/x-www-form-urlencoded;charset=UTF-8';

describe('a replayable body', () => {
  test.each(whole)(
    '%s arrives complete at the second endpoint after the first one read it and failed',
    async (_what, make) => {
      const first = await rawPeer('reset');
      const second = await webServer(echo);
      const { orders } = testClerk([first.address, second.address]);

      const echoed = await orders.json<Echoed>('/orders', {
        method: 'PUT',
        kind: 'idempotent',
        body: make(),
      });

      expect([echoed.text, echoed.length]).toEqual([text, String(bytes.length)]);
      expect(first.executed.map(({ body }) => body.toString())).toEqual([text]);
    },
  );

  test('URLSearchParams are sent with their content type, unless the caller sets one', async () => {
    const first = await rawPeer('reset');
    const second = await webServer(echo);
    const { orders } = testClerk([first.address, second.address]);
    const body = new URLSearchParams({ what: 'a & b', size: '2' });

    const plain = await orders.json<Echoed>('/orders', { method: 'PUT', kind: 'idempotent', body });
    const own = await orders.json<Echoed>('/orders', {
      method: 'PUT',
      body,
      headers: { 'Content-Type': 'text/plain' },
    });

    expect(plain).toMatchObject({
      text: 'what=a+%26+b&size=2',
      type: 'application/x-www-form-urlencoded;charset=UTF-8',
    });
    expect(own).toMatchObject({ text: 'what=a+%26+b&size=2', type: 'text/plain' });
    expect(first.executed.map(({ headers }) => headers['content-type'])).toEqual([
      'application/x-www-form-urlencoded;charset=UTF-8',
    ]);
  });

  test.each<[form: string, headers: unknown, type: string]>([
    ['a list', ['x-tag', 'one'], formType],
    ['an iterator', new Map([['x-tag', 'one']]).entries(), formType],
    ['Headers', new Headers({ 'x-tag': 'one' }), formType],
    ['null', null, formType],
    ['a list with a content type', ['Content-Type', 'text/plain'], 'text/plain'],
    ['Headers with a content type', new Headers({ 'Content-Type': 'text/plain' }), 'text/plain'],
  ])('URLSearchParams have a content type when the headers are %s', async (_form, headers, type) => {
    const { clerk, orders } = testClerk([(await webServer(echo)).address]);
    const body = new URLSearchParams({ what: 'pizza' });
    const options = { method: 'PUT', body, headers: headers as never } as const;

    const dispatched = clerk.dispatcher.request({
      ...options,
      origin: 'http://orders.shop.clerk',
      path: '/orders',
      headers: Array.isArray(headers) ? headers : ['content-type', type],
      body: body as never,
    });

    expect(await orders.json<Echoed>('/orders', options)).toMatchObject({ text: 'what=pizza', type });
    expect(await (await dispatched).body.json()).toMatchObject({ text: 'what=pizza', type });
  });

  test.each([
    ['Node’s', FormData],
    ['undici’s', UndiciFormData as unknown as typeof FormData],
  ])('%s FormData arrives complete at the second endpoint', async (_whose, Form) => {
    const first = await rawPeer('reset');
    const second = await webServer(echo);
    const { orders } = testClerk([first.address, second.address]);

    const echoed = await orders.json<Echoed>('/orders', {
      method: 'PUT',
      kind: 'idempotent',
      body: form(Form),
    });

    const boundary = /^multipart\/form-data; boundary=(.+)$/.exec(echoed.type ?? '')?.[1] ?? 'none';
    expect(echoed.text.split(`--${boundary}`)).toHaveLength(4);
    expect(echoed.text).toContain('filename="pizza.png"');
    expect(echoed.text.split(text)).toHaveLength(3);
    expect(first.executed).toHaveLength(1);
  });
});

describe('a body that can be read only once', () => {
  test.each(streams)('%s goes to the second endpoint intact if it was not read', async (_what, make) => {
    const second = await webServer(echo);
    const { orders, outcomes } = testClerk([await unusedAddress(), second.address]);

    const echoed = await orders.json<Echoed>('/orders', { method: 'POST', body: make() });

    expect(echoed.text).toBe(text);
    expect(outcomes.map(({ stage }) => stage)).toEqual(['waiting', 'answered']);
  });

  test.each(streams)('%s is not sent again once it was read, idempotent or not', async (_what, make) => {
    const first = await rawPeer('reset');
    const second = await webServer(echo);
    const { orders } = testClerk([first.address, second.address]);

    const error = await clerkErrorOf(
      orders.request({ path: '/orders', method: 'PUT', kind: 'idempotent', body: make() }),
    );

    expect([error.code, error.execution]).toEqual(['OUTCOME_UNKNOWN', 'unknown']);
    expect(error.message).toContain('its request body can be read only once');
    expect(second.requests).toEqual([]);
  });

  test('a stream that fails by itself does not count against the endpoint', async () => {
    const first = await webServer(echo);
    const second = await webServer(echo);
    const { orders, clerk } = testClerk([first.address, second.address]);
    const ejected: unknown[] = [];
    clerk.on('ejected', (event) => ejected.push(event));
    const broken = (async function* () {
      yield bytes;
      throw new Error('The disk is gone');
    })();

    const error = await clerkErrorOf(
      orders.request({
        path: '/orders',
        method: 'PUT',
        kind: 'idempotent',
        body: broken,
      }),
    );

    expect(String(error.cause)).toContain('The disk is gone');
    expect(error.execution).toBe('unknown');
    expect(second.requests).toEqual([]);
    expect(ejected).toEqual([]);
  });
});

describe('a response body', () => {
  const large = Buffer.alloc(8 * 1_024 * 1_024, 'all the orders of this year; ');
  const largeServer = () =>
    webServer((_request, response) => void response.end(JSON.stringify({ rows: large.toString() })));

  test('of eight megabytes arrives complete with json, text, bytes, request and fetch', async () => {
    const server = await largeServer();
    const { orders, clerk } = testClerk([server.address]);
    const sum = (data: Uint8Array | string): string => createHash('sha256').update(data).digest('hex');
    const expected = sum(JSON.stringify({ rows: large.toString() }));

    const read = await Promise.all([
      orders.json('/all').then((value) => sum(JSON.stringify(value))),
      orders.text('/all').then(sum),
      orders.bytes('/all').then(sum),
      orders.request({ path: '/all' }).then(async ({ body }) => sum(await body.text())),
      clerk
        .fetch('http://orders.shop.clerk/all')
        .then(async (response) => sum(new Uint8Array(await response.arrayBuffer()))),
    ]);

    expect(read).toEqual([expected, expected, expected, expected, expected]);
  });

  test('that is not read stops its sender', async () => {
    const pieces = 512;
    let written = 0;
    const server = await webServer((_request, response) => {
      void (async () => {
        for (; written < pieces; written++) {
          if (!response.write(Buffer.alloc(64 * 1_024)))
            await new Promise((resolve) => response.once('drain', resolve));
        }
        response.end();
      })();
    });
    const { orders } = testClerk([server.address]);

    const { body } = await orders.request({ path: '/all' });
    let before = -1;
    while (written > before) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(written).toBeLessThan(pieces);
    let read = 0;
    for await (const chunk of body) read += (chunk as Buffer).length;
    expect(read).toBe(pieces * 64 * 1_024);
  });

  test('arrives in chunks while the server still writes', async () => {
    const server = await webServer((request, response) => {
      response.write('first ');
      request.socket.once('data', () => undefined);
      finish = () => void response.end('second');
    });
    let finish: () => void = () => undefined;
    const { orders } = testClerk([server.address]);

    const { body } = await orders.request({ path: '/news' });
    const pieces = body[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    expect(String((await pieces.next()).value)).toBe('first ');
    finish();
    expect(String((await pieces.next()).value)).toBe('second');
    expect((await pieces.next()).done).toBe(true);
  });

  test('that is truncated fails the stream, and fetch with a TypeError', async () => {
    const server = await rawPeer('reset-in-body');
    const { orders, clerk } = testClerk([server.address]);

    const { body } = await orders.request({ path: '/all' });
    const pieces: string[] = [];
    const error = await clerkErrorOf(
      (async () => {
        for await (const piece of body) pieces.push(String(piece));
      })(),
    );
    expect(pieces.join('')).toBe('half');
    expect([error.code, error.execution]).toEqual(['OUTCOME_UNKNOWN', 'done']);

    const response = await clerk.fetch('http://orders.shop.clerk/all');
    const rejection: unknown = await response.text().catch((reason: unknown) => reason);
    expect(rejection).toBeInstanceOf(TypeError);
    expect(isClerkError((rejection as TypeError).cause)).toBe(true);
  });

  test('that is discarded does not affect the next call', async () => {
    const server = await webServer((request, response) => {
      if (request.url === '/endless') response.write(Buffer.alloc(1_024 * 1_024));
      else response.end('{"ok":true}');
    });
    const { orders } = testClerk([server.address]);

    for (let i = 0; i < 70; i++) {
      const { body } = await orders.request({ path: '/endless' });
      body.on('error', () => undefined).destroy();
    }
    expect(await orders.json('/orders/7')).toEqual({ ok: true });
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });

  test('beyond undici’s maxResponseSize is BODY_TOO_LARGE, and is not retried', async () => {
    const first = await largeServer();
    const second = await largeServer();
    const { orders, clerk } = testClerk([first.address, second.address], {
      undici: { maxResponseSize: 100_000 },
    });

    const error = await clerkErrorOf(orders.json('/all'));
    expect([error.code, error.execution]).toEqual(['BODY_TOO_LARGE', 'done']);
    const { body } = await orders.request({ path: '/all' });
    expect((await clerkErrorOf(body.text())).code).toBe('BODY_TOO_LARGE');
    expect([first.requests.length, second.requests.length]).toEqual([2, 0]);
    const response = await clerk.fetch('http://orders.shop.clerk/all');
    const rejection: unknown = await response.text().catch((reason: unknown) => reason);
    expect((rejection as { cause: { code: string } }).cause.code).toBe('BODY_TOO_LARGE');
    expect(orders.explain().candidates.map(({ status }) => status)).toEqual(['open', 'open']);
  });

  test('of a HEAD or a 204 is empty, and one that is not JSON is a BAD_STATUS error with its start', async () => {
    const server = await webServer((request, response) => {
      if (request.url === '/nothing') response.statusCode = 204;
      response.end(request.url === '/page' ? '<html>' : undefined);
    });
    const { orders } = testClerk([server.address]);

    expect(await orders.text('/orders', { method: 'HEAD' })).toBe('');
    expect(await orders.bytes('/nothing')).toHaveLength(0);
    expect((await clerkErrorOf(orders.json('/page'))).execution).toBe('done');
  });
});
