/**
 * Wrapped handlers on real servers of `node:http`: bodies are read and responses sent as without the wrapper.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer, request as tlsRequest } from 'node:https';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, expect, test, vi } from 'vitest';
import selfsigned from 'selfsigned';
import { atMostOnce, memoryCalls } from 'binding-clerk/service';
import { faultyStore } from './guarded-service.js';
import { readUntil, sendRequest, listenOnLoopback, newCallId, rawConnection, serve } from './node-servers.js';

type Reader = (request: IncomingMessage) => Promise<string>;

/** Ways in which handlers and body parsers read a body. */
const readers: Record<string, Reader> = {
  'data and end': (request) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
      request.on('error', reject);
    }),
  'async iteration': async (request) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('latin1');
  },
  pipe: async (request) => {
    const into = request.pipe(new PassThrough());
    return Buffer.concat(await into.toArray()).toString('latin1');
  },
  pipeline: async (request) => {
    const chunks: Buffer[] = [];
    await pipeline(request, async (source: AsyncIterable<Buffer>) => {
      for await (const chunk of source) chunks.push(chunk);
    });
    return Buffer.concat(chunks).toString('latin1');
  },
  'readable and read': (request) =>
    new Promise((resolve) => {
      const chunks: Buffer[] = [];
      request.on('readable', () => {
        for (let chunk: unknown; (chunk = request.read()) !== null;) chunks.push(chunk as Buffer);
      });
      request.on('end', () => resolve(Buffer.concat(chunks).toString('latin1')));
    }),
  setEncoding: async (request) => {
    request.setEncoding('latin1');
    let text = '';
    for await (const chunk of request) text += chunk as string;
    return text;
  },
  'later than others': async (request) => {
    await new Promise((resolve) => setTimeout(resolve, 5));
    return readers['data and end']!(request);
  },
  'as a web stream': async (request) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of Readable.toWeb(request)) chunks.push(chunk as Uint8Array);
    return Buffer.concat(chunks).toString('latin1');
  },
};

const bodies: Record<string, { body?: Buffer | Buffer[]; method?: string }> = {
  none: {},
  'none, GET': { method: 'GET' },
  empty: { body: Buffer.alloc(0) },
  'empty, in chunks': { body: [] },
  short: { body: Buffer.from('short') },
  'of 300,000 bytes': { body: Buffer.alloc(300_000, 'abc\xff') },
  'in many chunks': { body: Array.from({ length: 50 }, (_, i) => Buffer.alloc(7_000, String(i))) },
};

describe.each(Object.entries(readers))('a body read by %s', (_, read) => {
  test.each(Object.entries(bodies))('%s', async (_kind, { body, method = 'POST' }) => {
    const expected = (Array.isArray(body) ? Buffer.concat(body) : (body ?? Buffer.alloc(0))).toString(
      'latin1',
    );
    const seen: string[] = [];
    const port = await serve(
      atMostOnce(async (request, response) => {
        seen.push(await read(request));
        response.end(`${request.method} ${request.url} ${seen.at(-1)?.length}`);
      }),
    );
    const headers = { 'clerk-call-id': newCallId() };
    const init = { path: '/a?b=1', method, headers, ...(body && { body }) };
    const first = await sendRequest(port, init);
    expect(first).toMatchObject({ status: 200, body: `${method} /a?b=1 ${expected.length}` });
    expect(first.headers['clerk-idempotency']).toBe(undefined);
    const again = await sendRequest(port, init);
    expect(again).toMatchObject({ status: 200, body: first.body });
    expect(again.headers['clerk-idempotency']).toBe('replayed');
    expect(seen).toEqual([expected]);
  });
});

test('a wrapper called late, after asynchronous middleware, still gets the body', async () => {
  for (const waitMs of [0, 30]) {
    const wrapped = atMostOnce(async (request: IncomingMessage, response: ServerResponse) => {
      response.end(await readers['async iteration']!(request));
    });
    const port = await serve((request, response) => {
      setTimeout(() => void wrapped(request, response), waitMs);
    });
    for (const body of ['', 'x', 'y'.repeat(200_000)]) {
      const headers = { 'clerk-call-id': newCallId() };
      expect(await sendRequest(port, { headers, body })).toMatchObject({ status: 200, body });
      expect((await sendRequest(port, { headers, body })).headers['clerk-idempotency']).toBe('replayed');
      expect(await sendRequest(port, { headers, body: `${body}z` })).toMatchObject({ status: 422 });
    }
  }
});

test('a body that was read before is rejected, and nothing runs', async () => {
  const handler = vi.fn();
  const wrapped = atMostOnce(handler as (request: IncomingMessage, response: ServerResponse) => void);
  const port = await serve((request, response) => {
    request.resume().once('end', () => wrapped(request, response));
  });
  const refused = await sendRequest(port, { headers: { 'clerk-call-id': newCallId() }, body: 'x' });
  expect(refused).toMatchObject({ status: 500, headers: { 'clerk-not-executed': '1' } });
  expect(handler).not.toHaveBeenCalled();
});

test('a handler that does not read the body leaves the connection usable', async () => {
  const port = await serve(atMostOnce((_request, response) => response.end('ok')));
  const socket = await rawConnection(port);
  const bodies = ['a'.repeat(100_000), '', 'b'];
  for (const body of bodies)
    socket.write(
      `POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${newCallId()}\r\ncontent-length: ${body.length}\r\n\r\n${body}`,
    );
  const text = await readUntil(
    socket,
    (text) => text.split('HTTP/1.1 200').length === 4 && text.endsWith('ok'),
  );
  expect(text.match(/HTTP\/1\.1 200/g)).toHaveLength(3);
  socket.destroy();
});

test('a request emits its end whether its body is read, rejected or ignored', async () => {
  for (const [options, length, status] of [
    [{}, 100_000, 200],
    [{ maxBodyBytes: 10 }, 100_000, 413],
  ] as const) {
    const wrapped = atMostOnce((_request, response) => response.end('ok'), options);
    let ended: Promise<unknown> | undefined;
    const port = await serve((request, response) => {
      ended ??= once(request, 'end');
      return wrapped(request, response);
    });
    const body = Array.from({ length: 10 }, () => Buffer.alloc(length / 10));
    const headers = { 'clerk-call-id': newCallId(), connection: 'keep-alive' };
    expect(await sendRequest(port, { headers, body })).toMatchObject({ status });
    await ended;
  }
});

test('a client that disconnects while its call is stored has run nothing, and may retry', async () => {
  const store = faultyStore(memoryCalls());
  const handler = vi.fn((_request: IncomingMessage, response: ServerResponse) => response.end('ok'));
  const wrapped = atMostOnce(handler, { store });
  const begin = vi.spyOn(store, 'begin');
  let call: Promise<unknown> | undefined;
  let left: Promise<unknown> | undefined;
  const port = await serve((request, response) => {
    left ??= once(response, 'close');
    const returned = Promise.resolve(wrapped(request, response));
    call ??= returned;
    return returned;
  });
  const open = store.hold();
  const id = newCallId();
  const socket = await rawConnection(port);
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${id}\r\ncontent-length: 1\r\n\r\nx`);
  await vi.waitFor(() => expect(begin).toHaveBeenCalled());
  socket.destroy();
  await left;
  open();
  await call;
  expect(handler).not.toHaveBeenCalled();
  expect(await sendRequest(port, { headers: { 'clerk-call-id': id }, body: 'x' })).toMatchObject({
    body: 'ok',
  });
  expect(handler).toHaveBeenCalledTimes(1);
});

test('headers set before the wrapper are part of the response', async () => {
  const wrapped = atMostOnce((_request, response) => response.end('ok'));
  let served = 0;
  const port = await serve((request, response) => {
    response.setHeader('x-served', String(++served));
    return wrapped(request, response);
  });
  const headers = { 'clerk-call-id': newCallId() };
  expect((await sendRequest(port, { headers })).headers).toMatchObject({ 'x-served': '1' });
  expect((await sendRequest(port, { headers })).headers).toMatchObject({
    'x-served': '1',
    'clerk-idempotency': 'replayed',
  });
});

describe('responses are replayed unchanged', () => {
  const handlers: Record<string, (request: IncomingMessage, response: ServerResponse) => unknown> = {
    'end alone': (_, response) => response.end('hello'),
    'writeHead with an object': (_, response) =>
      response.writeHead(201, { 'X-Order': '7', 'set-cookie': ['a=1', 'b=2'] }).end('made'),
    'writeHead with a reason and a list': (_, response) =>
      response.writeHead(202, 'Fine', ['x-order', '7', 'set-cookie', 'a=1', 'set-cookie', 'b=2']).end('made'),
    'setHeader, appendHeader and removeHeader': (_, response) => {
      response.setHeader('x-order', 7).setHeader('x-gone', '1');
      response.appendHeader('set-cookie', 'a=1').appendHeader('set-cookie', ['b=2']);
      response.removeHeader('X-Gone');
      response.statusCode = 418;
      response.end();
    },
    'setHeader, then writeHead over it': (_, response) => {
      response.setHeader('x-order', '1').setHeader('x-stays', 'yes');
      response.writeHead(200, { 'x-order': '2' }).end(Buffer.from([0, 255, 128]));
    },
    setHeaders: (_, response) => {
      response.setHeaders(new Map([['x-order', '7']]));
      response.end('x');
    },
    'many writes of all kinds': async (_, response) => {
      response.flushHeaders();
      response.write('ü');
      response.write('fc', 'latin1');
      response.write('fc', 'hex', () => undefined);
      response.write(Uint8Array.from([1, 2]));
      await new Promise((resolve) => setImmediate(resolve));
      response.end('end', 'utf8', () => undefined);
    },
    'end with a callback alone': (_, response) => {
      response.write('x');
      response.end(() => undefined);
    },
    'no content': (_, response) => response.writeHead(204).end(),
    'not modified': (_, response) => response.writeHead(304, { etag: '"1"' }).end(),
    piped: (_, response) => Readable.from(['a', 'b', 'c']).pipe(response),
    'headers set at the last moment': (_, response) => {
      // As the package on-headers does.
      const { writeHead } = response;
      response.writeHead = (...args: [number]) => {
        response.setHeader('x-late', '1');
        return writeHead.apply(response, args);
      };
      response.end('x');
    },
    'a body whose buffer is reused': async (_, response) => {
      const bytes = Buffer.from('one');
      await new Promise((resolve) => response.write(bytes, resolve));
      bytes.write('two');
      response.end(bytes);
    },
  };
  const ofTheMoment = new Set([
    'date',
    'connection',
    'keep-alive',
    'transfer-encoding',
    'content-length',
    'clerk-idempotency',
  ]);
  const lasting = (headers: Record<string, unknown>) =>
    Object.fromEntries(Object.entries(headers).filter(([name]) => !ofTheMoment.has(name)));

  test.each(Object.entries(handlers))('%s', async (_, handler) => {
    let runs = 0;
    const port = await serve(
      atMostOnce((request, response) => {
        runs++;
        return handler(request, response);
      }),
    );
    const headers = { 'clerk-call-id': newCallId() };
    const first = await sendRequest(port, { headers, body: 'x' });
    const again = await sendRequest(port, { headers, body: 'x' });
    expect(again.headers['clerk-idempotency']).toBe('replayed');
    expect([again.status, again.body, lasting(again.headers)]).toEqual([
      first.status,
      first.body,
      lasting(first.headers),
    ]);
    expect(runs).toBe(1);
  });

  test('to HEAD too, with Content-Length and no body', async () => {
    const port = await serve(
      atMostOnce((_request, response) => response.writeHead(200, { 'content-length': 5 }).end('hello')),
    );
    const headers = { 'clerk-call-id': newCallId() };
    for (const idempotency of [undefined, 'replayed']) {
      const reply = await sendRequest(port, { method: 'HEAD', headers });
      expect(reply).toMatchObject({ status: 200, body: '' });
      expect(reply.headers).toMatchObject({ 'content-length': '5' });
      expect(reply.headers['clerk-idempotency']).toBe(idempotency);
    }
  });
});

test('a response is sent while it is written', async () => {
  let proceed = (): void => undefined;
  const port = await serve(
    atMostOnce(async (_request, response) => {
      response.write('first,');
      await new Promise<void>((resolve) => (proceed = resolve));
      response.end('second');
    }),
  );
  const socket = await rawConnection(port);
  socket.write(`POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${newCallId()}\r\ncontent-length: 0\r\n\r\n`);
  const seen = once(socket, 'data');
  expect(String((await seen)[0])).toContain('first,');
  proceed();
  expect(await readUntil(socket, (text) => text.includes('second'))).toContain('second');
  socket.destroy();
});

test('concurrent requests with one key run once', async () => {
  let runs = 0;
  let proceed = (): void => undefined;
  const port = await serve(
    atMostOnce(async (_request, response) => {
      runs++;
      await new Promise<void>((resolve) => (proceed = resolve));
      response.end('done');
    }),
  );
  const headers = { 'clerk-call-id': newCallId() };
  let conflicts = 0;
  const responses = Promise.all(
    Array.from({ length: 10 }, async () => {
      const reply = await sendRequest(port, { headers, body: ['a', 'b'] });
      if (reply.status === 409 && ++conflicts === 9) proceed();
      return reply;
    }),
  );
  const statuses = (await responses)
    .map(({ status, headers }) => `${status} ${headers['clerk-idempotency']}`)
    .sort();
  expect(runs).toBe(1);
  expect(statuses).toEqual(['200 undefined', ...Array.from({ length: 9 }, () => '409 running')]);
  expect((await sendRequest(port, { headers, body: ['ab'] })).headers['clerk-idempotency']).toBe('replayed');
});

describe('a client that disconnects', () => {
  test.each([
    ['with a length', 'content-length: 10\r\n\r\nabc'],
    ['in chunks', 'transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n'],
  ])('within its body, %s, runs nothing', async (_, rest) => {
    const bodies: string[] = [];
    const store = memoryCalls();
    const begin = vi.spyOn(store, 'begin');
    const gone: Promise<unknown>[] = [];
    const wrapped = atMostOnce(
      async (request: IncomingMessage, response: ServerResponse) => {
        bodies.push(await readers['data and end']!(request));
        response.end('ok');
      },
      { store },
    );
    const server = createServer((request, response) => {
      gone.push(Promise.resolve(wrapped(request, response)));
    });
    const port = await listenOnLoopback(server);
    const id = newCallId();
    const socket = await rawConnection(port);
    const came = once(server, 'request');
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${id}\r\n${rest}`);
    await came;
    socket.destroy();
    await Promise.all(gone);
    expect(begin).not.toHaveBeenCalled();
    expect(await sendRequest(port, { headers: { 'clerk-call-id': id }, body: 'whole' })).toMatchObject({
      body: 'ok',
    });
    expect(bodies).toEqual(['whole']);
  });

  test('during the response gets all of it when it retries', async () => {
    let runs = 0;
    const port = await serve(
      atMostOnce(async (_request, response) => {
        runs++;
        response.writeHead(200, { 'x-order': '7' });
        response.write('first,');
        await once(response, 'close');
        response.write('second,');
        response.end('third');
      }),
    );
    const id = newCallId();
    const socket = await rawConnection(port);
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${id}\r\ncontent-length: 0\r\n\r\n`);
    await once(socket, 'data');
    socket.destroy();
    const again = await vi.waitFor(async () => {
      const reply = await sendRequest(port, { headers: { 'clerk-call-id': id } });
      expect(reply.status).toBe(200);
      return reply;
    });
    expect(again).toMatchObject({
      body: 'first,second,third',
      headers: { 'x-order': '7', 'clerk-idempotency': 'replayed' },
    });
    expect(runs).toBe(1);
  });

  test('before a response that the handler sends later', async () => {
    const port = await serve(
      atMostOnce(async (_request, response) => {
        await once(response, 'close');
        response.setHeader('x-order', '7').end('done');
      }),
    );
    const id = newCallId();
    const socket = await rawConnection(port);
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${id}\r\ncontent-length: 1\r\n\r\nx`);
    const running = await vi.waitFor(async () => {
      const reply = await sendRequest(port, { headers: { 'clerk-call-id': id }, body: 'x' });
      expect(reply.status).toBe(409);
      return reply;
    });
    expect(running.headers).toMatchObject({ 'clerk-idempotency': 'running', 'retry-after': '1' });
    socket.destroy();
    await vi.waitFor(async () => {
      const reply = await sendRequest(port, { headers: { 'clerk-call-id': id }, body: 'x' });
      expect(reply).toMatchObject({ status: 200, body: 'done', headers: { 'x-order': '7' } });
    });
  });

  test('and a handler that stops writing then: the outcome is unknown', async () => {
    const source = new PassThrough();
    const port = await serve(atMostOnce((_request, response) => void source.pipe(response)));
    const id = newCallId();
    const socket = await rawConnection(port);
    socket.write(`POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${id}\r\ncontent-length: 0\r\n\r\n`);
    source.write('first');
    await once(socket, 'data');
    socket.destroy();
    await vi.waitFor(async () => {
      const reply = await sendRequest(port, { headers: { 'clerk-call-id': id } });
      expect(reply).toMatchObject({ status: 409, headers: { 'clerk-idempotency': 'unknown' } });
    });
  });
});

test('a handler that fails does so as without the wrapper, and is not run again', async () => {
  const errors: unknown[] = [];
  for (const handler of [
    () => {
      throw new Error('at once');
    },
    async () => {
      await Promise.resolve();
      throw new Error('later');
    },
  ]) {
    let runs = 0;
    const wrapped = atMostOnce((_request: IncomingMessage, _response: ServerResponse): unknown => {
      runs++;
      return handler();
    });
    const port = await serve((request, response) => {
      (wrapped(request, response) as Promise<void> | undefined)?.catch((error: unknown) => {
        errors.push(error);
        // As without the wrapper, the caller may respond; here it does not.
        response.destroy();
      });
    });
    const headers = { 'clerk-call-id': newCallId() };
    await expect(sendRequest(port, { headers })).rejects.toThrow();
    expect(await sendRequest(port, { headers })).toMatchObject({
      status: 409,
      headers: { 'clerk-idempotency': 'unknown' },
    });
    expect(runs).toBe(1);
  }
  expect(errors.map(String)).toEqual(['Error: at once', 'Error: later']);
});

test('a response sent in place of a failed handler is its response', async () => {
  const wrapped = atMostOnce(async (_request: IncomingMessage, _response: ServerResponse) => {
    throw new Error('No more paper');
  });
  const port = await serve((request, response) => {
    wrapped(request, response).catch(() => response.writeHead(500).end('sorry'));
  });
  const headers = { 'clerk-call-id': newCallId() };
  expect(await sendRequest(port, { headers })).toMatchObject({ status: 500, body: 'sorry' });
  await vi.waitFor(async () => {
    const again = await sendRequest(port, { headers });
    expect(again).toMatchObject({ status: 500, body: 'sorry', headers: { 'clerk-idempotency': 'replayed' } });
  });
});

describe('bodies that are too large', () => {
  test.each<[string, Buffer | Buffer[]]>([
    ['with a length', Buffer.alloc(2_000_000)],
    ['in chunks', Array.from({ length: 40 }, () => Buffer.alloc(1_000))],
  ])('%s are rejected, and the connection stays usable', async (_, body) => {
    const handler = vi.fn((_request: IncomingMessage, response: ServerResponse) => response.end());
    const port = await serve(atMostOnce(handler, { maxBodyBytes: 10_000 }));
    const refused = await sendRequest(port, { headers: { 'clerk-call-id': newCallId() }, body });
    expect(refused).toMatchObject({ status: 413, headers: { 'clerk-not-executed': '1' } });
    expect(handler).not.toHaveBeenCalled();
  });

  test('a body without an end is cut at the limit', async () => {
    const port = await serve(atMostOnce((_request, response) => response.end(), { maxBodyBytes: 10 }));
    const socket = await rawConnection(port);
    socket.resume();
    const closed = new Promise((resolve) => socket.once('close', resolve));
    socket.write(
      `POST / HTTP/1.1\r\nhost: x\r\nclerk-call-id: ${newCallId()}\r\ntransfer-encoding: chunked\r\n\r\n`,
    );
    const send = (): void => {
      if (!socket.destroyed) socket.write(`10000\r\n${'x'.repeat(0x10000)}\r\n`, send);
    };
    send();
    await closed;
  });
});

test('an empty key and a repeated header are rejected', async () => {
  const handler = vi.fn((_request: IncomingMessage, response: ServerResponse) => response.end());
  const port = await serve(atMostOnce(handler));
  const id = newCallId();
  for (const value of ['', [id, id]]) {
    const refused = await sendRequest(port, { headers: { 'clerk-call-id': value } });
    expect(refused).toMatchObject({ status: 400, headers: { 'clerk-not-executed': '1' } });
  }
  expect(handler).not.toHaveBeenCalled();
});

test('further arguments and this are passed on, with a key and without', async () => {
  const next = vi.fn();
  const wrapped = atMostOnce(function (
    this: unknown,
    _request: IncomingMessage,
    response: ServerResponse,
    given: typeof next,
  ) {
    given(this);
    response.end();
  });
  const owner = { wrapped };
  const port = await serve((request, response) => owner.wrapped(request, response, next));
  await sendRequest(port, { headers: { 'clerk-call-id': newCallId() } });
  await sendRequest(port, {});
  expect(next.mock.calls).toEqual([[owner], [owner]]);
});

test('arguments that are neither a Node request and response nor a Request are an error', () => {
  const wrapped = atMostOnce((_request: unknown) => undefined);
  for (const given of [undefined, {}, { headers: {} }])
    expect(() => wrapped(given)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  expect(() => atMostOnce(undefined as never)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
});

test('works the same on servers with TLS', async () => {
  const { private: key, cert } = await selfsigned.generate([{ name: 'commonName', value: 'localhost' }]);
  let runs = 0;
  const server = createTlsServer(
    { key, cert },
    atMostOnce((request, response) => {
      runs++;
      void readers['data and end']!(request).then((text) => response.end(text));
    }),
  );
  const port = await listenOnLoopback(server);
  const headers = { 'clerk-call-id': newCallId() };
  const send = async (): Promise<string> => {
    const outgoing = tlsRequest({
      port,
      host: '127.0.0.1',
      method: 'POST',
      headers,
      rejectUnauthorized: false,
      agent: false,
    });
    outgoing.end('hello');
    const [incoming] = (await once(outgoing, 'response')) as [IncomingMessage];
    return `${incoming.headers['clerk-idempotency']} ${String(await incoming.toArray())}`;
  };
  expect([await send(), await send()]).toEqual(['undefined hello', 'replayed hello']);
  expect(runs).toBe(1);
});
