/** Interceptors in undici's form, around calls and around attempts, over real sockets. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { gzipSync } from 'node:zlib';
import { setTimeout as sleep } from 'node:timers/promises';
import * as undici from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import {
  createClerk,
  isClerkError,
  type ClerkError,
  type Interceptor,
  type Interceptors,
} from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { undiciServer } from './undici-server.js';
import { bodyOf, unusedAddress, webServer } from './web-server.js';

const { interceptors } = undici;
const origin = 'http://orders.shop.clerk';

/** Records each dispatch as `label method origin path`. */
function recorder(label: string, log: string[]): Interceptor {
  return (dispatch) => (options, handler) => {
    log.push(`${label} ${options.method} ${String(options.origin)} ${options.path}`);
    return dispatch(options, handler);
  };
}

/** Adds a value to the header `x-seen`, outside in. */
function header(value: string): Interceptor {
  return (dispatch) => (options, handler) => {
    const headers = options.headers as Record<string, string> | undefined;
    const seen = headers?.['x-seen'] === undefined ? value : `${headers['x-seen']} ${value}`;
    return dispatch({ ...options, headers: { ...headers, 'x-seen': seen } }, handler);
  };
}

function seenHeader() {
  return webServer((request, response) => response.end(JSON.stringify(request.headers['x-seen'] ?? null)));
}

async function rejection(promise: Promise<unknown>): Promise<ClerkError> {
  const error = await promise.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!isClerkError(error)) throw new Error('not rejected with a ClerkError', { cause: error });
  return error;
}

describe('levels and order', () => {
  test('call interceptors see one dispatch per call, attempt interceptors one per attempt', async () => {
    const log: string[] = [];
    const server = await seenHeader();
    const refusing = await unusedAddress();
    const { orders } = testClerk(
      [refusing, server.address],
      {},
      { interceptors: { call: [recorder('call', log)], attempt: [recorder('attempt', log)] } },
    );
    await orders.json('/orders/7');
    expect(log).toEqual([
      `call GET ${origin} /orders/7`,
      `attempt GET ${refusing} /orders/7`,
      `attempt GET ${server.address} /orders/7`,
    ]);
  });

  test('the last of a list is the outermost, and those of the clerk are outside those of the binding', async () => {
    const server = await seenHeader();
    const lists = (name: string) => ({
      call: [header(`${name}-call-1`), header(`${name}-call-2`)],
      attempt: [header(`${name}-attempt-1`), header(`${name}-attempt-2`)],
    });
    const { orders } = testClerk(
      [server.address],
      { interceptors: lists('clerk') },
      { interceptors: lists('binding') },
    );
    const expected =
      'clerk-call-2 clerk-call-1 binding-call-2 binding-call-1 clerk-attempt-2 clerk-attempt-1 binding-attempt-2 binding-attempt-1';
    expect(await orders.json('/')).toBe(expected);
    const composed = new undici.Agent().compose(header('1'), header('2'));
    onTestFinished(() => composed.close());
    const plain = await undici.request(server.address, { dispatcher: composed });
    expect(await plain.body.json()).toBe('2 1');
  });

  test('are applied to every way of making an HTTP call, and to no other', async () => {
    const log: string[] = [];
    const server = await seenHeader();
    const { clerk, orders } = testClerk(
      [server.address],
      { interceptors: { call: [recorder('clerk', log)] } },
      { interceptors: { call: [recorder('binding', log)] } },
    );
    const took = (): string[] => log.splice(0).map((line) => line.split(' ')[0] as string);
    await orders.text('/');
    await orders.bytes('/');
    await (await orders.request({ path: '/' })).body.dump();
    for (const result of await orders.gather({ path: '/' })) if (result.ok) await result.response.body.dump();
    await (await orders.fetch('/')).text();
    await (await undici.request(origin, { dispatcher: orders.dispatcher })).body.dump();
    expect(took()).toEqual(Array.from({ length: 6 }, () => ['clerk', 'binding']).flat());
    await (await clerk.fetch(`${origin}/`)).text();
    await (await clerk.request('/shop/orders/')).body.dump();
    await (await undici.request(origin, { dispatcher: clerk.dispatcher })).body.dump();
    expect(took()).toEqual(['clerk', 'clerk', 'clerk']);
    await orders.ready();
    await orders.call(async () => undefined);
    (await orders.acquire()).release('success');
    await (await clerk.fetch(server.address)).text();
    expect(took()).toEqual([]);
  });

  test('the response names its endpoint and attempts', async () => {
    const server = await seenHeader();
    const { orders } = testClerk(
      [await unusedAddress(), { address: server.address, id: 'second' }],
      {},
      { interceptors: { call: [header('a')], attempt: [header('b')] } },
    );
    const { endpoint, attempts, body } = await orders.request({ path: '/' });
    expect([endpoint.id, attempts, await body.json()]).toEqual(['second', 2, 'a b']);
  });

  test('headers of an interceptor reach the endpoint with those of the clerk', async () => {
    const server = await webServer((request, response) => response.end(JSON.stringify(request.headers)));
    const { orders } = testClerk(
      [server.address],
      {},
      {
        timeoutMs: 5_000,
        interceptors: { attempt: [header('x')] },
      },
    );
    expect(await orders.json('/')).toMatchObject({
      host: 'orders.shop.clerk',
      'x-seen': 'x',
      'clerk-timeout-ms': expect.stringMatching(/^[0-9]{4}$/) as string,
    });
  });

  test('a body is sent to the second endpoint too', async () => {
    const server = await webServer(
      (request, response) => void bodyOf(request).then((body) => response.end(body)),
    );
    const { orders } = testClerk(
      [await unusedAddress(), server.address],
      {},
      {
        interceptors: { call: [header('a')], attempt: [header('b')] },
      },
    );
    const body = 'pizza'.repeat(100_000);
    expect(await orders.text('/', { method: 'POST', body })).toBe(body);
    expect(await orders.text('/', { method: 'POST', body: new FormData() })).toContain('--');
    async function* parts() {
      yield 'one';
      yield ' pizza';
    }
    expect(await orders.text('/', { method: 'POST', body: parts() })).toBe('one pizza');
  });

  test('informational responses bypass interceptors', async () => {
    const server = await webServer((_request, response) => {
      response.writeEarlyHints({ link: '</a.css>; rel=preload' });
      response.end('done');
    });
    const levels = { call: [interceptors.responseError()], attempt: [interceptors.responseError()] };
    const { orders } = testClerk([server.address], {}, { interceptors: levels });
    const infos: number[] = [];
    const { body } = await orders.request({
      path: '/',
      onInfo: ({ statusCode }) => infos.push(statusCode),
    });
    expect([await body.text(), infos]).toEqual(['done', [103]]);
  });
});

describe('interceptors of undici', () => {
  test('retry, around calls: repeats a POST that the clerk leaves alone', async () => {
    let count = 0;
    const server = await webServer((_request, response) => {
      response.statusCode = ++count < 3 ? 503 : 200;
      response.end(`${count}`);
    });
    const retry = interceptors.retry({ methods: ['POST'], minTimeout: 1, maxRetries: 3 });
    const { orders } = testClerk([server.address], {}, { interceptors: { call: [retry] } });
    expect(await orders.text('/', { method: 'POST', body: 'x' })).toBe('3');
    const { body } = await orders.request({ path: '/', method: 'POST' });
    expect(await body.text()).toBe('4');
  });

  test('retry, around attempts: stays at the endpoint', async () => {
    let count = 0;
    const server = await webServer((_request, response) => {
      response.statusCode = ++count < 3 ? 503 : 200;
      response.end(`${count}`);
    });
    const retry = interceptors.retry({ minTimeout: 1, maxRetries: 3 });
    const { orders } = testClerk(
      [server.address],
      {},
      {
        interceptors: { attempt: [retry] },
        attemptTimeoutMs: 5_000,
      },
    );
    const { body, attempts } = await orders.request({ path: '/' });
    expect([await body.text(), attempts]).toEqual(['3', 1]);
  });

  test('retry that gives up: the status, with what undici says as the cause', async () => {
    const server = await webServer((_request, response) => response.writeHead(503).end());
    const retry = interceptors.retry({ minTimeout: 1, maxRetries: 1 });
    for (const level of ['call', 'attempt'] as const) {
      const { orders } = testClerk(
        [server.address],
        {},
        {
          interceptors: { [level]: [retry] },
          retries: false,
        },
      );
      const error = await rejection(orders.request({ path: '/' }));
      expect(error).toMatchObject({
        code: 'BAD_STATUS',
        cause: { code: 'UND_ERR_REQ_RETRY' },
      });
    }
  });

  test.each(['call', 'attempt'] as const)(
    'retry, around each %s: resumes a body that is cut off',
    async (level) => {
      const server = await undiciServer();
      const retry = interceptors.retry({ minTimeout: 1 });
      const { clerk, orders } = testClerk([server.address], { interceptors: { [level]: [retry] } });
      const path = '/resumable';
      const whole = 'first half, second half';
      const { body, attempts } = await orders.request({ path });
      expect([await body.text(), attempts]).toEqual([whole, 1]);
      expect(await (await orders.fetch(path)).text()).toBe(whole);
      expect(await (await clerk.fetch(`${origin}${path}`)).text()).toBe(whole);
      for (const { dispatcher } of [orders, clerk])
        expect(await (await undici.request(`${origin}${path}`, { dispatcher })).body.text()).toBe(whole);
      expect(server.resumes).toBe(5);
    },
  );

  test('retry and RetryAgent over the dispatcher of a binding: resume a body that is cut off', async () => {
    const server = await undiciServer();
    const { dispatcher } = testClerk([server.address]).orders;
    const composed = dispatcher.compose(interceptors.retry({ minTimeout: 1 }));
    for (const each of [composed, new undici.RetryAgent(dispatcher, { minTimeout: 1 })])
      expect(await (await each.request({ origin, path: '/resumable', method: 'GET' })).body.text()).toBe(
        'first half, second half',
      );
    expect(server.resumes).toBe(2);
  });

  test('retry, around calls: a body is resumed after the call timeout, and not after totalTimeoutMs', async () => {
    const server = await undiciServer();
    const waiting: undici.RetryHandler.RetryCallback = (error, _context, callback) => {
      if ((error as NodeJS.ErrnoException).code !== 'UND_ERR_SOCKET') callback(error);
      else setTimeout(() => callback(null), 400);
    };
    const call = [interceptors.retry({ retry: waiting })];
    const { orders } = testClerk([server.address], {}, { interceptors: { call }, timeoutMs: 300 });
    const { body } = await orders.request({ path: '/resumable' });
    expect(await body.text()).toBe('first half, second half');
    const late = await orders.request({ path: '/resumable', totalTimeoutMs: 300 });
    expect(await rejection(late.body.text())).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'done' });
    expect(server.resumes).toBe(1);
  });

  test('retry, around calls: a body that cannot be resumed has the error of each way to call', async () => {
    const server = await undiciServer();
    const retry = interceptors.retry({ minTimeout: 1, maxRetries: 0 });
    const { clerk, orders } = testClerk([server.address], { interceptors: { call: [retry] } });
    const outcomes = [{ stage: 'answered' }];
    const { body } = await orders.request({ path: '/cut' });
    expect(await rejection(body.text())).toMatchObject({ code: 'OUTCOME_UNKNOWN', outcomes });
    const fetched = (await orders.fetch('/cut')).text();
    await expect(fetched).rejects.toMatchObject({ name: 'TypeError', cause: { code: 'OUTCOME_UNKNOWN' } });
    for (const { dispatcher } of [orders, clerk]) {
      const response = await undici.request(`${origin}/cut`, { dispatcher });
      await expect(response.body.text()).rejects.toMatchObject({ code: 'UND_ERR_SOCKET', outcomes });
    }
  });

  test('retry, around calls: a resource that has changed ends the body, with what undici says as the cause', async () => {
    let count = 0;
    const server = await webServer((_request, response) => {
      const etag = `"${String(++count)}"`;
      if (count > 1) {
        response.writeHead(206, { etag, 'content-range': 'bytes 4-7/8', 'content-length': 4 }).end('late');
        return;
      }
      response.writeHead(200, { etag, 'content-length': 8 });
      response.write('soon', () => setTimeout(() => response.destroy(), 20));
    });
    const retry = interceptors.retry({ minTimeout: 1, maxRetries: 1 });
    const { orders } = testClerk([server.address], {}, { interceptors: { call: [retry] } });
    const { body } = await orders.request({ path: '/' });
    expect(await rejection(body.text())).toMatchObject({
      code: 'ABORTED',
      message: expect.stringContaining('ETag mismatch') as string,
      cause: { code: 'UND_ERR_REQ_RETRY' },
    });
  });

  test('redirect, around calls: within the service, to another name, and to another host', async () => {
    const bills = await webServer((request, response) => response.end(`bills ${request.url}`));
    const server = await webServer((request, response) => {
      const location = {
        '/own': '/here',
        '/name': 'http://bills.shop.clerk/1',
        '/host': `${bills.address}/2`,
      }[String(request.url)];
      if (location === undefined) response.end(`orders ${request.method} ${request.url}`);
      else response.writeHead(303, { location }).end();
    });
    const registry = { '/shop/orders': server.address, '/shop/bills': bills.address };
    const call = [interceptors.redirect({ maxRedirections: 2 })];
    for (const redirects of ['all', 'names'] as const) {
      const clerk = createClerk({ registry, redirects, interceptors: { call } });
      onTestFinished(() => clerk.destroy());
      const orders = clerk.bind('/shop/orders');
      expect(await orders.text('/own', { method: 'POST', body: 'x' })).toBe('orders GET /here');
      expect(await orders.text('/name')).toBe('bills /1');
      if (redirects === 'all') expect(await orders.text('/host')).toBe('bills /2');
      else expect(await rejection(orders.text('/host'))).toMatchObject({ code: 'FORBIDDEN' });
    }
  });

  test('redirect, around attempts: within the endpoint only', async () => {
    const other = await webServer((_request, response) => response.end('other'));
    const server = await webServer((request, response) => {
      const location = { '/own': '/here', '/host': other.address }[String(request.url)];
      if (location === undefined) response.end(`orders ${request.url}`);
      else response.writeHead(302, { location }).end();
    });
    const attempt = [interceptors.redirect({ maxRedirections: 2 })];
    const { orders } = testClerk([server.address], {}, { interceptors: { attempt } });
    expect(await orders.text('/own')).toBe('orders /here');
    expect(await rejection(orders.text('/host'))).toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('pass it in interceptors.call') as string,
    });
    expect(other.requests).toEqual([]);
  });

  test('dump, around calls: no body, and an error above its limit', async () => {
    const server = await webServer((request, response) =>
      response.end('x'.repeat(Number(request.url?.slice(1)))),
    );
    const { orders } = testClerk(
      [server.address],
      {},
      {
        interceptors: { call: [interceptors.dump({ maxSize: 1_000 })] },
      },
    );
    expect(await orders.text('/10')).toBe('');
    expect(await rejection(orders.text('/2000'))).toMatchObject({
      code: 'ABORTED',
      message: expect.stringContaining('larger than maxSize') as string,
    });
  });

  test.each(['call', 'attempt'] as const)('decompress, around each %s', async (level) => {
    const server = await webServer((request, response) => {
      const text = `${request.url} `.repeat(10_000);
      response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync(text));
    });
    const { orders } = testClerk(
      [server.address],
      {},
      {
        interceptors: { [level]: [interceptors.decompress()] },
      },
    );
    expect(await orders.text('/a')).toBe('/a '.repeat(10_000));
    const { body, headers } = await orders.request({ path: '/b' });
    expect(headers['content-encoding']).toBeUndefined();
    expect(await body.text()).toBe('/b '.repeat(10_000));
  });

  test('responseError, around calls: the status and the body', async () => {
    const server = await webServer((_request, response) => {
      response.writeHead(418, { 'content-type': 'application/json' }).end('{"tea":true}');
    });
    const { clerk, orders } = testClerk([server.address], {
      interceptors: { call: [interceptors.responseError()] },
    });
    for (const call of [orders.request({ path: '/' }), orders.json('/')])
      expect(await rejection(call)).toMatchObject({
        code: 'BAD_STATUS',
        statusCode: 418,
        bodyText: '{"tea":true}',
        execution: 'done',
        cause: { code: 'UND_ERR_RESPONSE' },
      });
    // Through the dispatcher, the error is undici's own.
    await expect(undici.request(origin, { dispatcher: clerk.dispatcher })).rejects.toMatchObject({
      code: 'UND_ERR_RESPONSE',
      statusCode: 418,
    });
  });

  test('responseError, around attempts: the endpoint is not at fault', async () => {
    const server = await webServer((_request, response) => response.writeHead(404).end());
    const { orders } = testClerk(
      [server.address],
      {},
      {
        interceptors: { attempt: [interceptors.responseError()] },
      },
    );
    for (let i = 0; i < 20; i++)
      expect(await rejection(orders.request({ path: '/' }))).toMatchObject({ code: 'BAD_STATUS' });
    expect(server.requests).toHaveLength(20);
  });

  test('cache, around calls: the second response needs no endpoint', async () => {
    const server = await webServer((_request, response) => {
      response.writeHead(200, { 'cache-control': 'max-age=60' }).end('fresh');
    });
    const { orders } = testClerk([server.address], {}, { interceptors: { call: [interceptors.cache()] } });
    for (let i = 0; i < 3; i++) {
      const { body, attempts } = await orders.request({ path: '/' });
      expect([await body.text(), attempts]).toEqual(['fresh', i === 0 ? 1 : 0]);
    }
    expect(await orders.text('/')).toBe('fresh');
    expect(server.requests).toHaveLength(1);
  });

  test('dns, around attempts: the clerk connects, and the host stays the name', async () => {
    const server = await webServer((request, response) => response.end(request.headers.host));
    const { port } = new URL(server.address);
    const dns = interceptors.dns({
      lookup: (_hostname, _options, callback) =>
        callback(null, [{ address: '127.0.0.1', ttl: 1_000, family: 4 }]),
    });
    const { orders } = testClerk([`http://localhost:${port}`], {}, { interceptors: { attempt: [dns] } });
    expect(await orders.text('/')).toBe('orders.shop.clerk');
  });
});

describe('an interceptor', () => {
  test.each(['call', 'attempt'] as const)(
    'around each %s leaves a dispatcher the reason of an abort',
    async (level) => {
      const server = await undiciServer();
      const { clerk, orders } = testClerk([server.address], { interceptors: { [level]: [header('a')] } });
      const reason = new Error('enough');
      for (const { dispatcher } of [orders, clerk]) {
        const controller = new AbortController();
        const call = undici.request(`${origin}/hang`, { dispatcher, signal: controller.signal });
        const hung = server.requests.length;
        await server.waitForRequests(hung + 1);
        controller.abort(reason);
        await expect(call).rejects.toBe(reason);
      }
    },
  );

  test('that throws ends the call at once, with its error as the cause', async () => {
    const server = await seenHeader();
    const failure = new Error('no token');
    const throwing: Interceptor = () => () => {
      throw failure;
    };
    for (const level of ['call', 'attempt'] as const) {
      const { clerk, orders } = testClerk(
        [server.address],
        {},
        {
          interceptors: { [level]: [throwing] },
        },
      );
      for (const call of [orders.request({ path: '/' }), orders.text('/'), orders.json('/')])
        expect(await rejection(call)).toMatchObject({
          code: 'ABORTED',
          execution: 'none',
          cause: failure,
          message: expect.stringContaining('no token') as string,
        });
      const fetched = await orders.fetch('/').catch((error: unknown) => error);
      expect(fetched).toBeInstanceOf(TypeError);
      await clerk.close();
    }
    expect(server.requests).toEqual([]);
  });

  test('that fails later, before the request is sent, is not held against the endpoint', async () => {
    const server = await seenHeader();
    const failing: Interceptor = () => (_options, handler) => {
      queueMicrotask(() => handler.onResponseError?.(null as never, new Error('no token')));
      return true;
    };
    const { orders } = testClerk([server.address], {}, { interceptors: { attempt: [failing] } });
    for (let i = 0; i < 5; i++)
      expect(await rejection(orders.text('/'))).toMatchObject({ code: 'ABORTED', execution: 'none' });
    expect(orders.explain().candidates.map(({ status }) => status)).toEqual(['open']);
  });

  test('that waits does not delay the deadline or an abort', async () => {
    const holding: Interceptor = () => () => true;
    const server = await seenHeader();
    const { orders, clerk } = testClerk(
      [server.address],
      {},
      {
        interceptors: { call: [holding] },
        timeoutMs: 60,
      },
    );
    const startedAt = performance.now();
    for (const call of [orders.text('/'), orders.request({ path: '/' })])
      expect(await rejection(call)).toMatchObject({
        code: 'DEADLINE_EXCEEDED',
        execution: 'none',
        message: 'Call to /shop/orders exceeded its deadline of 60 ms while an interceptor delayed the call',
      });
    expect(performance.now() - startedAt).toBeLessThan(2_000);
    const signal = AbortSignal.timeout(10);
    expect(await rejection(orders.text('/', { signal, timeoutMs: 60_000 }))).toMatchObject({
      code: 'ABORTED',
      cause: { name: 'TimeoutError' },
    });
    const pending = rejection(orders.text('/', { timeoutMs: 60_000 }));
    await clerk.destroy();
    expect(await pending).toMatchObject({ code: 'CLERK_CLOSED' });
  });

  test('that waits counts for maxPending', async () => {
    const holding: Interceptor = () => () => true;
    const { orders } = testClerk(
      ['http://127.0.0.1:9'],
      { maxPending: 2, interceptors: { call: [holding] } },
      { timeoutMs: 100 },
    );
    const codes = await Promise.all([1, 2, 3].map(async () => (await rejection(orders.text('/'))).code));
    expect(codes).toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'LIMIT_EXCEEDED']);
  });

  test('that takes time shortens the time of the call below it', async () => {
    const slow: Interceptor = (dispatch) => (options, handler) => {
      void sleep(150).then(() => dispatch(options, handler));
      return true;
    };
    const server = await webServer(() => undefined);
    const { orders } = testClerk(
      [server.address],
      {},
      {
        interceptors: { call: [slow] },
        timeoutMs: 300,
      },
    );
    const startedAt = performance.now();
    expect(await rejection(orders.text('/'))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      outcomes: [{ stage: 'sent' }],
    });
    expect(performance.now() - startedAt).toBeLessThan(1_500);
  });

  test('that swallows an abort cannot keep an attempt alive', async () => {
    const deaf: Interceptor = (dispatch) => (options, handler) =>
      dispatch(options, {
        ...handler,
        onRequestStart: (controller, context) =>
          handler.onRequestStart?.({ ...controller, abort: () => undefined }, context),
        onResponseStart: (...args) => handler.onResponseStart?.(...args),
        onResponseData: (...args) => handler.onResponseData?.(...args),
        onResponseEnd: (...args) => handler.onResponseEnd?.(...args),
        onResponseError: (...args) => handler.onResponseError?.(...args),
      });
    let closed = 0;
    const server = await webServer((request) => request.on('close', () => closed++));
    for (const level of ['call', 'attempt'] as const) {
      const { orders, clerk } = testClerk([server.address], {}, { interceptors: { [level]: [deaf] } });
      const controller = new AbortController();
      const call = rejection(orders.text('/', { signal: controller.signal }));
      const arrived = server.requests.length + 1;
      await server.waitForRequests(arrived);
      controller.abort(new Error('enough'));
      expect(await call).toMatchObject({ code: 'ABORTED' });
      await expect.poll(() => closed, { timeout: 5_000 }).toBe(arrived);
      await clerk.destroy();
    }
  });

  test('must pass on the options it got', async () => {
    const server = await seenHeader();
    const renewing: Interceptor = (dispatch) => (options, handler) =>
      dispatch({ origin: options.origin as string, path: options.path, method: options.method }, handler);
    for (const level of ['call', 'attempt'] as const) {
      const { orders } = testClerk([server.address], {}, { interceptors: { [level]: [renewing] } });
      expect(await rejection(orders.text('/'))).toMatchObject({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('must pass on the options') as string,
      });
    }
  });

  test('may use handlers of undici’s older interface', async () => {
    const server = await webServer((_request, response) => response.writeHead(200, { a: 'b' }).end('body'));
    const statuses: number[] = [];
    const older: Interceptor = (dispatch) => (options, handler) => {
      let controller: undici.Dispatcher.DispatchController | undefined;
      const handlerOfOlderForm = {
        onConnect: (abort: (error?: Error) => void) => {
          controller = { abort, paused: false, aborted: false, pause() {}, resume() {} } as never;
          handler.onRequestStart?.(controller, {});
        },
        onHeaders: (statusCode: number, headers: Buffer[], _resume: () => void, text: string) => {
          statuses.push(statusCode);
          handler.onResponseStart?.(controller as never, statusCode, undici.util.parseHeaders(headers), text);
          return true;
        },
        onData: (chunk: Buffer) => {
          handler.onResponseData?.(controller as never, chunk);
          return true;
        },
        onComplete: () => handler.onResponseEnd?.(controller as never, {}),
        onError: (error: Error) => handler.onResponseError?.(controller as never, error),
      };
      return dispatch(options, handlerOfOlderForm);
    };
    const { orders } = testClerk(
      [server.address],
      {},
      {
        interceptors: { call: [older], attempt: [older] },
      },
    );
    expect(await orders.text('/')).toBe('body');
    const { headers, body } = await orders.request({ path: '/' });
    expect([headers.a, await body.text(), statuses]).toEqual(['b', 'body', [200, 200, 200, 200]]);
  });
});

/** Lines of the sources of interceptors in the stacks of a warm request: where undici gets it, and where its answer arrives. */
async function interceptingLines(interceptors: Interceptors): Promise<readonly string[]> {
  const server = await seenHeader();
  const { orders } = testClerk([server.address], {}, { interceptors });
  await orders.json('/');
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = Infinity;
  const stacks: string[] = [];
  const record = (): void => void stacks.push(String(new Error('on the way').stack));
  subscribe('undici:request:create', record);
  onTestFinished(() => {
    unsubscribe('undici:request:create', record);
    Error.stackTraceLimit = stackTraceLimit;
  });
  await new Promise<void>((resolve, reject) => {
    orders.dispatcher.dispatch(
      { origin, path: '/', method: 'GET' },
      {
        onRequestStart: () => undefined,
        onResponseStart: record,
        onResponseData: record,
        onResponseEnd: () => {
          record();
          resolve();
        },
        onResponseError: (_controller, error) => reject(error),
      },
    );
  });
  expect(stacks.length).toBeGreaterThanOrEqual(4);
  expect(stacks.every((stack) => stack.includes('/src/'))).toBe(true);
  return stacks.flatMap((stack) => stack.split('\n')).filter((line) => /[/]src[/].*intercept/i.test(line));
}

test('without interceptors, no code of interceptors runs in a warm call', async () => {
  const pass: Interceptor = (dispatch) => (options, handler) => dispatch(options, handler);
  expect(await interceptingLines({})).toEqual([]);
  expect(await interceptingLines({ call: [], attempt: [] })).toEqual([]);
  expect(await interceptingLines({ call: [pass] })).not.toEqual([]);
  expect(await interceptingLines({ attempt: [pass] })).not.toEqual([]);
});

test('json and text are retried after a truncated body, with interceptors too', async () => {
  let count = 0;
  const server = await webServer((_request, response) => {
    if (count++ > 0) response.end('{"ok":true}');
    else response.writeHead(200, { 'content-length': 11 }).write('{"ok"', () => response.destroy());
  });
  const log: string[] = [];
  const { orders } = testClerk(
    [server.address, server.address.replace('127.0.0.1', 'localhost')],
    {},
    {
      interceptors: { call: [recorder('call', log)] },
    },
  );
  expect(await orders.json('/')).toEqual({ ok: true });
  expect(log).toHaveLength(1);
});

test.each([
  [{ calls: [] }, "unknown option 'calls'"],
  [{ call: interceptors.retry() }, 'interceptors.call must be a list of functions'],
  [{ attempt: [undefined] }, 'interceptors.attempt must be a list of functions'],
  [[], 'must be an object of options'],
])('interceptors: %j is refused', (value, message) => {
  const matches = { code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string };
  const options = { interceptors: value as never };
  const clerk = createClerk({ registry: {} });
  for (const create of [() => createClerk({ registry: {}, ...options }), () => clerk.bind('/a', options)])
    expect(create).toThrow(expect.objectContaining(matches) as Error);
});

test('an interceptor that returns no function is refused', () => {
  const clerk = createClerk({ registry: {} });
  expect(() => clerk.bind('/a', { interceptors: { call: [() => undefined as never] } })).toThrow(
    'An interceptor must return a dispatch function; got undefined',
  );
});

test('the interceptors of a call run in the async context of the call', async () => {
  const storage = new AsyncLocalStorage<number>();
  const seen: (number | undefined)[] = [];
  const interceptor: Interceptor = (dispatch) => (options, handler) => {
    seen.push(storage.getStore());
    return dispatch(options, handler);
  };
  const server = await seenHeader();
  const { orders } = testClerk(
    [server.address],
    {},
    { interceptors: { call: [interceptor], attempt: [interceptor] } },
  );
  await Promise.all([1, 2].map((call) => storage.run(call, () => orders.json('/'))));
  expect(seen.sort()).toEqual([1, 1, 2, 2]);
});
