/** undici's documented behaviours: with an undici agent, and the same through the clerk, to a plain host and by name. */
import { EventEmitter, once } from 'node:events';
import { PassThrough, Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import * as undici from 'undici';
import { interceptors, type Dispatcher } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { undiciServer } from './undici-server.js';

interface Caller {
  readonly origin: string;
  readonly dispatcher: Dispatcher;
  /** undici's `fetch` with the dispatcher, or `clerk.fetch`. */
  fetch(input: string | Request | undici.Request, init?: undici.RequestInit): Promise<Response>;
}

/** Node's types lack some fields. */
type Timing = Readonly<
  Record<'requestStart' | 'responseStart' | 'responseEnd' | 'encodedBodySize', number>
> & {
  readonly name: string;
};

type Behaviour = (caller: Caller) => unknown;

const name = 'http://orders.shop.clerk';
const methodOf = { GET: 'GET', POST: 'POST' } as const;

/** What a program can see of an error. */
async function failure(promise: Promise<unknown>): Promise<unknown> {
  const error = (await promise.then(
    (value) => ({ name: 'no error', message: JSON.stringify(value) }),
    (reason: unknown) => reason,
  )) as NodeJS.ErrnoException;
  return typeof error === 'object' && error !== null
    ? [error.name, error.code, error instanceof undici.errors.UndiciError]
    : error;
}

const get = ({ dispatcher, origin }: Caller, path: string, options: object = {}) =>
  dispatcher.request({ origin, path, method: 'GET', ...options });

async function jsonOf(response: Promise<Dispatcher.ResponseData>): Promise<unknown> {
  return (await response).body.json();
}

const post = (caller: Caller, body: unknown, options: object = {}): Promise<unknown> =>
  jsonOf(get(caller, '/echo', { method: 'POST', body, ...options }));

/** The calls of a handler, and how it ended. */
function recorded(more: object = {}) {
  const calls: string[] = [];
  let end = (): void => undefined;
  const ended = new Promise<void>((resolve) => (end = resolve));
  const step = (called: string, result?: unknown, isEnd = false) => {
    calls.push(called);
    if (isEnd) end();
    return result;
  };
  const older = {
    onConnect: () => step('onConnect'),
    onResponseStarted: () => step('onResponseStarted'),
    onBodySent: () => step('onBodySent'),
    onRequestSent: () => step('onRequestSent'),
    onHeaders: (status: number) => step(`onHeaders ${String(status)}`, true),
    onData: () => step('onData', true),
    onComplete: () => step('onComplete', undefined, true),
    onError: (error: Error) => step(`onError ${error.name}`, undefined, true),
    ...more,
  };
  const newer = {
    onRequestStart: () => step('onRequestStart'),
    onResponseStart: (_controller: unknown, status: number) => step(`onResponseStart ${String(status)}`),
    onResponseData: () => step('onResponseData'),
    onResponseEnd: () => step('onResponseEnd', undefined, true),
    onResponseError: (_controller: unknown, error: Error) =>
      step(`onResponseError ${error.name}`, undefined, true),
    ...more,
  };
  return { calls, ended, older: older as Dispatcher.DispatchHandler, newer };
}

async function dispatched(
  { dispatcher, origin }: Caller,
  form: 'older' | 'newer',
  options: object = {},
  more: object = {},
): Promise<unknown> {
  const handler = recorded(more);
  const request = { origin, path: '/json', method: 'GET', ...options } as Dispatcher.DispatchOptions;
  let result: unknown;
  try {
    result = dispatcher.dispatch(request, handler[form]);
    await handler.ended;
  } catch (error) {
    return ['thrown', (error as Error).name];
  }
  // A busy connection may say that it needs a pause.
  return [typeof result, handler.calls];
}

const requests: Readonly<Record<string, Behaviour>> = {
  'request: status, status text, headers in lower case, lists of values': async (caller) => {
    const { statusCode, statusText, headers, body } = await get(caller, '/json');
    const { 'content-type': type, 'x-two': two } = headers;
    return [statusCode, statusText, type, two, await body.json()];
  },
  'request: each reader of the body': async (caller) => {
    const read = async (method: 'text' | 'json' | 'bytes' | 'arrayBuffer' | 'blob') => {
      const { body } = await get(caller, '/json');
      const value = await body[method]();
      return [body.bodyUsed, value instanceof Blob ? await value.text() : Buffer.isBuffer(value) || value];
    };
    const bytes = (await read('bytes'))[1] as Uint8Array;
    return [await read('text'), await read('json'), Buffer.from(bytes).toString(), await read('blob')];
  },
  'request: a second read, and formData()': async (caller) => {
    const { body } = await get(caller, '/json');
    await body.text();
    const form = (await get(caller, '/json')).body;
    return [await failure((async () => body.text())()), await failure(form.formData())];
  },
  'request: dump() makes the connection free': async (caller) => {
    const { body } = await get(caller, '/long');
    await body.dump();
    return body.destroyed;
  },
  'request: responseHeaders raw': async (caller) => {
    const { headers, body } = await get(caller, '/json', { responseHeaders: 'raw' });
    await body.dump();
    const list = (headers as unknown as unknown[]).map(String);
    return list.slice(0, list.indexOf('Date'));
  },
  'request: opaque': async (caller) => {
    const { opaque, body } = await get(caller, '/empty', { opaque: 'mine' });
    await body.dump();
    return opaque;
  },
  'request: trailers are there after the body': async (caller) => {
    const { trailers, body } = await get(caller, '/trailers');
    return [{ ...trailers }, await body.text(), { ...trailers }];
  },
  'request: onInfo gets informational responses': async (caller) => {
    const infos: unknown[] = [];
    const { body } = await get(caller, '/hints', { onInfo: (info: unknown) => infos.push(info) });
    return [await body.text(), infos];
  },
  'request: query': (caller) => jsonOf(get(caller, '/echo', { query: { a: 1, b: ['x', 'y z'], c: null } })),
  'request: headers as a record, a flat list, pairs': async (caller) => {
    const forms = [{ 'X-Given': 'a' }, ['x-given', 'b'], new Headers({ 'x-given': 'c' }), [['x-given', 'd']]];
    const results: unknown[] = [];
    for (const headers of forms.slice(0, 3)) results.push(await jsonOf(get(caller, '/echo', { headers })));
    return results;
  },
  'request: a string, bytes, a view, a Blob as body': async (caller) => [
    await post(caller, 'text'),
    await post(caller, Buffer.from('buffer')),
    await post(caller, new Uint16Array([0x6161, 0x6262])),
    await post(caller, new Blob(['blob'], { type: 'text/x-blob' })),
    await post(caller, ''),
    await post(caller, null),
  ],
  'request: a stream, an async iterable, a form as body': async (caller) => {
    const form = new undici.FormData();
    form.set('what', 'pizza');
    return [
      await post(caller, Readable.from(['one', ' two'])),
      await post(
        caller,
        (async function* () {
          yield Buffer.from('three');
        })(),
      ),
      await post(caller, form),
    ];
  },
  'request: HEAD has headers and no body': async (caller) => {
    const { statusCode, headers, body } = await get(caller, '/json', { method: 'HEAD' });
    return [statusCode, headers['content-type'], await body.text()];
  },
  'request: with a callback': (caller) =>
    new Promise((resolve) => {
      caller.dispatcher.request(
        { origin: caller.origin, path: '/json', method: 'GET', opaque: 7 },
        (error, data) => {
          void data.body.json().then((body) => resolve([error, data.statusCode, data.opaque, body]));
        },
      );
    }),
  'request: a status of 404 or 500 does not reject': async (caller) => [
    (await get(caller, '/status?code=404')).statusCode,
    (await get(caller, '/status?code=500')).statusCode,
  ],
  'request: a redirect is not followed': async (caller) => {
    const { statusCode, headers } = await get(caller, '/redirect');
    return [statusCode, headers['location']];
  },
  'request: reset closes the connection': async (caller) => {
    const { headers, body } = await get(caller, '/json', { reset: true });
    await body.dump();
    return headers['connection'];
  },
  'undici.request with the dispatcher and a URL': async ({ origin, dispatcher }) =>
    jsonOf(undici.request(`${origin}/echo?a=b`, { dispatcher, method: 'POST', body: 'x' })),
  'undici.stream with the dispatcher': async ({ origin, dispatcher }) => {
    const sink = new PassThrough();
    const all = text(sink);
    await undici.stream(`${origin}/json`, { dispatcher, method: 'GET', opaque: 1 }, () => sink);
    return all;
  },
};

const aborts: Readonly<Record<string, Behaviour>> = {
  'request: a signal that was aborted before': async (caller) => {
    const reason = new Error('too early');
    const error = await get(caller, '/json', { signal: AbortSignal.abort(reason) }).catch(
      (caught: unknown) => caught,
    );
    return error === reason;
  },
  'request: abort() without a reason': (caller) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 30);
    return failure(get(caller, '/hang', { signal: controller.signal }));
  },
  'request: abort with a reason, and with a text': async (caller) => {
    const results: unknown[] = [];
    for (const reason of [new RangeError('enough'), 'enough']) {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 30);
      const error = await get(caller, '/hang', { signal: controller.signal }).catch(
        (caught: unknown) => caught,
      );
      results.push(error === reason);
    }
    return results;
  },
  'request: AbortSignal.timeout()': (caller) =>
    failure(get(caller, '/hang', { signal: AbortSignal.timeout(30) })),
  'request: an EventEmitter as signal': (caller) => {
    const signal = new EventEmitter();
    setTimeout(() => signal.emit('abort'), 30);
    return failure(get(caller, '/hang', { signal }));
  },
  'request: abort in the body': async (caller) => {
    const controller = new AbortController();
    const { body } = await get(caller, '/stall', { signal: controller.signal });
    const reading = body.text().catch((error: unknown) => error);
    const reason = new Error('enough');
    setTimeout(() => controller.abort(reason), 30);
    return (await reading) === reason;
  },
  'request: the body stream is destroyed with an error': async (caller) => {
    const source = new PassThrough();
    source.write('begin');
    const reason = new Error('the source broke');
    setTimeout(() => source.destroy(reason), 30);
    const call = get(caller, '/echo', { method: 'POST', body: source });
    return (await call.catch((error: unknown) => error)) === reason;
  },
  'request: an iterable body that throws': async (caller) => {
    const reason = new Error('the source broke');
    const body = (async function* () {
      yield Buffer.from('begin');
      throw reason;
    })();
    return (await get(caller, '/echo', { method: 'POST', body }).catch((error: unknown) => error)) === reason;
  },
  'stream: abort': async ({ dispatcher, origin }) => {
    const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() });
    const options = { origin, path: '/hang', method: methodOf.GET, signal: AbortSignal.timeout(30) };
    return failure(dispatcher.stream(options, sink));
  },
  'pipeline: abort': async ({ dispatcher, origin }) => {
    const options = { origin, path: '/hang', method: methodOf.GET, signal: AbortSignal.timeout(30) };
    const duplex = dispatcher.pipeline(options, ({ body }) => body);
    const error = (await once(duplex.end(), 'error').then(([first]: unknown[]) => first)) as Error;
    return error.name;
  },
  'pipeline: destroy()': async ({ dispatcher, origin }) => {
    const duplex = dispatcher.pipeline({ origin, path: '/stall', method: 'GET' }, ({ body }) => body);
    duplex.end();
    await once(duplex, 'data');
    duplex.destroy();
    const error = (await once(duplex, 'error').then(([first]: unknown[]) => first)) as NodeJS.ErrnoException;
    return [error.name, error.code];
  },
  'dispatch: a handler that aborts at the headers': (caller) => {
    let abort = (_reason: Error): void => undefined;
    return dispatched(
      caller,
      'older',
      { path: '/stall' },
      {
        onConnect: (given: typeof abort) => (abort = given),
        onHeaders: () => {
          abort(new RangeError('no more'));
          return true;
        },
      },
    );
  },
};

const streams: Readonly<Record<string, Behaviour>> = {
  'stream: the factory gets status, headers and opaque': async ({ dispatcher, origin }) => {
    const sink = new PassThrough();
    const all = text(sink);
    let seen: unknown;
    const { opaque, trailers } = await dispatcher.stream(
      { origin, path: '/trailers', method: 'GET', opaque: 'mine' },
      ({ statusCode, headers, opaque: given }) => {
        seen = [statusCode, headers['trailer'], given];
        return sink;
      },
    );
    return [seen, opaque, trailers, await all];
  },
  'stream: a factory that throws, or returns no stream': async ({ dispatcher, origin }) => {
    const options = { origin, path: '/json', method: methodOf.GET };
    const thrown = new RangeError('no stream today');
    const error: unknown = await dispatcher
      .stream(options, () => {
        throw thrown;
      })
      .catch((caught: unknown) => caught);
    return [error === thrown, await failure(dispatcher.stream(options, () => undefined as never))];
  },
  'pipeline: echoes through a transform': async ({ dispatcher, origin }) => {
    const duplex = dispatcher.pipeline({ origin, path: '/echo', method: 'POST' }, ({ body }) =>
      body.pipe(new PassThrough()),
    );
    duplex.end('sliced');
    return text(duplex);
  },
  'connect: a tunnel': async ({ dispatcher, origin }) => {
    const { statusCode, socket } = await dispatcher.connect({ origin, path: 'inside:80' });
    socket.write('ping');
    const [echoed] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return [statusCode, String(echoed)];
  },
  'upgrade: another protocol': async ({ dispatcher, origin }) => {
    const { headers, socket } = await dispatcher.upgrade({
      origin,
      path: '/live',
      protocol: 'echo',
    } as never);
    socket.write('ping');
    const [echoed] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    return [headers['upgrade'], String(echoed)];
  },
};

const afterTheHead: Readonly<Record<string, Behaviour>> = {
  'a body that is cut off': async (caller) => {
    const { body } = await get(caller, '/cut');
    return failure(body.text());
  },
  bodyTimeout: async (caller) => {
    const { body } = await get(caller, '/stall', { bodyTimeout: 50 });
    return failure(body.text());
  },
  'stream: a body that is cut off': async ({ dispatcher, origin }) => {
    const sink = () => new Writable({ write: (_chunk, _encoding, done) => done() });
    return failure(dispatcher.stream({ origin, path: '/cut', method: 'GET' }, sink));
  },
  'dispatch: the callbacks of a body that is cut off': (caller) =>
    dispatched(caller, 'older', { path: '/cut' }),
};

const handlers: Readonly<Record<string, Behaviour>> = {
  'dispatch: the callbacks of a GET, in order': (caller) => dispatched(caller, 'older'),
  'dispatch: the callbacks of a POST, in order': (caller) =>
    dispatched(caller, 'older', { path: '/empty', method: 'POST', body: 'x' }),
  'dispatch: informational responses': (caller) => dispatched(caller, 'older', { path: '/hints' }),
  'dispatch: the callbacks of the newer form, in order': (caller) => dispatched(caller, 'newer'),
  'dispatch: the newer form, with an informational response': (caller) =>
    dispatched(caller, 'newer', { path: '/hints' }),
  'dispatch: no handler': (caller) => {
    try {
      return caller.dispatcher.dispatch({ origin: caller.origin, path: '/', method: 'GET' }, null as never);
    } catch (error) {
      return [(error as Error).name, (error as NodeJS.ErrnoException).code];
    }
  },
  'dispatch: a handler without onError': (caller) => dispatched(caller, 'older', {}, { onError: undefined }),
  ...Object.fromEntries(
    ['onConnect', 'onHeaders', 'onData', 'onComplete'].map((missing) => [
      `dispatch: a handler without ${missing}`,
      (caller: Caller) => dispatched(caller, 'older', {}, { [missing]: undefined }),
    ]),
  ),
  'dispatch: onBodySent that is not a function': (caller) =>
    dispatched(caller, 'older', {}, { onBodySent: 1 }),
  'dispatch: an upgrade without onUpgrade': (caller) =>
    dispatched(caller, 'older', { path: '/live', upgrade: 'echo' }),
  'dispatch: a paused body continues after resume': async ({ dispatcher, origin }) => {
    let resume = (): void => undefined;
    let bytes = 0;
    let pauses = 0;
    await new Promise<void>((resolve, reject) => {
      const handler: object = {
        onConnect: () => undefined,
        onHeaders: (_status: number, _headers: unknown, given: () => void) => {
          resume = given;
          return true;
        },
        onData: (chunk: Buffer) => {
          bytes += chunk.length;
          if (pauses++ > 0) return true;
          setTimeout(() => resume(), 20);
          return false;
        },
        onComplete: () => resolve(),
        onError: reject,
      };
      dispatcher.dispatch({ origin, path: '/long', method: 'GET' }, handler);
    });
    return bytes;
  },
};

let flakies = 0;

const composed: Readonly<Record<string, Behaviour>> = {
  'interceptors.redirect': async ({ dispatcher, origin }) => {
    const above = dispatcher.compose(interceptors.redirect({ maxRedirections: 1 }));
    return jsonOf(above.request({ origin, path: '/redirect', method: 'GET' }));
  },
  'interceptors.responseError': async ({ dispatcher, origin }) => {
    const above = dispatcher.compose(interceptors.responseError());
    return failure(above.request({ origin, path: '/status?code=404', method: 'GET' }));
  },
  'interceptors.dump': async ({ dispatcher, origin }) => {
    const above = dispatcher.compose(interceptors.dump({ maxSize: 100_000 }));
    const { body } = await above.request({ origin, path: '/long', method: 'GET' });
    return body.text();
  },
  'interceptors.decompress': async ({ dispatcher, origin }) => {
    const above = dispatcher.compose(interceptors.decompress());
    return (await above.request({ origin, path: '/gzip', method: 'GET' })).body.text();
  },
  'interceptors.cache': async ({ dispatcher, origin }) => {
    const above = dispatcher.compose(interceptors.cache());
    const read = async () => (await above.request({ origin, path: '/cacheable', method: 'GET' })).body.text();
    return [await read(), await read()];
  },
  'interceptors.deduplicate': async ({ dispatcher, origin }) => {
    const above = dispatcher.compose(interceptors.deduplicate());
    const read = async () => (await above.request({ origin, path: '/long', method: 'GET' })).body.text();
    return new Set(await Promise.all([read(), read()])).size;
  },
  'interceptors.dns': async ({ dispatcher, origin }) => {
    const above = dispatcher.compose(interceptors.dns());
    return jsonOf(above.request({ origin, path: '/json', method: 'GET' }));
  },
  'interceptors.dns below and above others': async ({ dispatcher, origin }) => {
    const above = dispatcher
      .compose([interceptors.retry(), interceptors.dns()])
      .compose(interceptors.redirect());
    return jsonOf(above.request({ origin, path: '/json', method: 'GET' }));
  },
  'an interceptor of the program sees each request': async ({ dispatcher, origin }) => {
    const seen: string[] = [];
    const above = dispatcher.compose((dispatch) => (options, handler) => {
      seen.push(`${options.method} ${options.path}`);
      return dispatch(options, handler);
    });
    await (await above.request({ origin, path: '/json', method: 'GET' })).body.dump();
    return seen;
  },
  'interceptors.retry: two resets in a row': async ({ dispatcher, origin }) => {
    const above = dispatcher.compose(interceptors.retry({ minTimeout: 10 }));
    return (await above.request({ origin, path: `/flaky/${String(flakies++)}`, method: 'GET' })).body.text();
  },
  'RetryAgent: two resets in a row': async ({ dispatcher, origin }) => {
    const agent = new undici.RetryAgent(dispatcher, { minTimeout: 10 });
    return (await agent.request({ origin, path: `/flaky/${String(flakies++)}`, method: 'GET' })).body.text();
  },
  'RetryAgent resumes a body that is cut off': async ({ dispatcher, origin }) => {
    const agent = new undici.RetryAgent(dispatcher, { minTimeout: 10 });
    return (await agent.request({ origin, path: '/resumable', method: 'GET' })).body.text();
  },
};

const fetches: Readonly<Record<string, Behaviour>> = {
  'fetch: status, headers and body': async ({ fetch, origin }) => {
    const response = await fetch(`${origin}/json`);
    const { ok, status, statusText, type, redirected, url } = response;
    return [
      ok,
      status,
      statusText,
      type,
      redirected,
      url.replace(origin, ''),
      response.headers.get('x-two'),
      await response.json(),
    ];
  },
  'fetch: a body of each kind': async ({ fetch, origin }) => {
    const form = new undici.FormData();
    form.set('what', 'pizza');
    const bodies = [
      'text',
      Buffer.from('bytes'),
      new Blob(['blob'], { type: 'text/x-blob' }),
      form,
      new URLSearchParams({ a: 'b' }),
    ];
    const results: unknown[] = [];
    for (const body of bodies)
      results.push(await (await fetch(`${origin}/echo`, { method: 'POST', body: body as string })).json());
    return results;
  },
  'fetch: a stream as body': async ({ fetch, origin }) => {
    const body = new Blob(['streamed']).stream() as unknown as string;
    return (await fetch(`${origin}/echo`, { method: 'POST', body, duplex: 'half' })).json();
  },
  'fetch: a Request with a text, bytes and a form': async ({ fetch, origin }) => {
    const form = new undici.FormData();
    form.set('what', 'pizza');
    const results: unknown[] = [];
    for (const body of ['text', Buffer.from('bytes'), form]) {
      const request = new undici.Request(`${origin}/echo`, {
        method: 'POST',
        body,
        headers: { 'x-given': 'a' },
      });
      results.push(await (await fetch(request)).json(), request.bodyUsed);
    }
    return results;
  },
  'fetch: redirects are followed, refused or returned': async ({ fetch, origin }) => {
    const followed = await fetch(`${origin}/redirect`);
    const kept = await fetch(`${origin}/redirect?code=307`, { method: 'POST', body: 'x' });
    const manual = await fetch(`${origin}/redirect`, { redirect: 'manual' });
    return [
      followed.redirected,
      followed.url.replace(origin, ''),
      await kept.json(),
      manual.status,
      await failure(fetch(`${origin}/redirect`, { redirect: 'error' })),
    ];
  },
  'fetch: decoding': async ({ fetch, origin }) => (await fetch(`${origin}/gzip`)).text(),
  'fetch: abort before, during and in the body': async ({ fetch, origin }) => {
    const controller = new AbortController();
    const { body } = await fetch(`${origin}/stall`, { signal: controller.signal });
    const reading = failure(text(body as never));
    controller.abort();
    return [
      await failure(fetch(`${origin}/json`, { signal: AbortSignal.abort() })),
      await failure(fetch(`${origin}/hang`, { signal: AbortSignal.timeout(30) })),
      await reading,
    ];
  },
  'fetch: a body that is cut off': async ({ fetch, origin }) =>
    failure((await fetch(`${origin}/cut`)).text()),
  'fetch: a used body': async ({ fetch, origin }) => {
    const response = await fetch(`${origin}/json`);
    const copy = response.clone();
    await response.text();
    return [await copy.text(), await failure(response.text())];
  },
  'fetch: resource timing': async ({ fetch, origin }) => {
    performance.clearResourceTimings();
    await (await fetch(`${origin}/long`)).text();
    const isTimed = ({ requestStart, responseStart, responseEnd }: Timing): boolean =>
      requestStart > 0 && responseStart >= requestStart && responseEnd >= responseStart;
    await new Promise((resolve) => setTimeout(resolve, 20));
    const entries = performance.getEntriesByType('resource') as unknown as Timing[];
    return entries.map((entry) => [entry.name.replace(origin, ''), isTimed(entry), entry.encodedBodySize]);
  },
  'fetch: the dispatcher of init or of the Request sends the request': async ({ fetch, origin }) => {
    const agent = new undici.MockAgent();
    agent.disableNetConnect();
    const pool = agent.get(origin);
    pool.intercept({ path: '/mocked', method: 'POST', body: 'x' }).reply(200, 'by init');
    pool.intercept({ path: '/mocked' }).reply(200, 'by Request');
    const byInit = await fetch(`${origin}/mocked`, { method: 'POST', body: 'x', dispatcher: agent });
    const byRequest = await fetch(new undici.Request(`${origin}/mocked`, { dispatcher: agent }));
    return [await byInit.text(), await byRequest.text()];
  },
};

const tables = { requests, aborts, streams, afterTheHead, handlers, composed, fetches };

async function callers(): Promise<Record<'undici' | 'plain host' | 'by name', Caller>> {
  const server = await undiciServer();
  const agent = new undici.Agent();
  onTestFinished(() => agent.destroy());
  const { clerk } = testClerk([server.address]);
  const { dispatcher } = clerk;
  const fetchOfUndici = ((input: string, init: undici.RequestInit) =>
    undici.fetch(input, {
      dispatcher: agent,
      ...init,
      ...ownDispatcher(input),
    })) as unknown as Caller['fetch'];
  const fetch = clerk.fetch as unknown as Caller['fetch'];
  return {
    undici: { origin: server.address, dispatcher: agent, fetch: fetchOfUndici },
    'plain host': { origin: server.address, dispatcher, fetch },
    'by name': { origin: name, dispatcher, fetch },
  };
}

/** The dispatcher of a `Request` must not be replaced. */
const ownDispatcher = (input: unknown): object =>
  input instanceof undici.Request && input.url.endsWith('/mocked') ? { dispatcher: undefined } : {};

describe.each(Object.entries(tables))('%s', (_table, behaviours) => {
  test.each(Object.entries(behaviours))('%s', async (_behaviour, run) => {
    const { undici: own, ...others } = await callers();
    const expected = await run(own);
    for (const [who, caller] of Object.entries(others)) expect(await run(caller), who).toEqual(expected);
  });
});
