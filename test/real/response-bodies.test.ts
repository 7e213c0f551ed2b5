/** Response bodies behave like undici's: each case runs over an undici Pool and over a binding, and both must agree. */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { RequestListener } from 'node:http';
import { finished, pipeline } from 'node:stream/promises';
import { PassThrough, Readable, Writable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import { Pool } from 'undici';
import type { ClerkResponse } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

const text = '{"what":"two pizzas, ¡with jalapeños!"}';
const large = Buffer.alloc(1_000_000, 'abcdefgh');

/** What the server writes when the case says so. */
let letGo: () => void = () => undefined;
/** Bytes that the server could hand to its connection before it had to wait. */
let handed = 0;

const serve: RequestListener = (request, response) => {
  const way = request.url ?? '';
  response.setHeader('content-type', 'application/json');
  if (way === '/small') response.end(text);
  else if (way === '/empty') response.end();
  else if (way === '/no-content') response.writeHead(204).end();
  else if (way === '/marked') response.end(`\ufeff${text}`);
  else if (way === '/broken-json') response.end('{"what":');
  else if (way === '/large') response.end(large);
  else if (way === '/trailers') {
    response.writeHead(200, { trailer: 'x-sum' });
    response.write(text);
    response.addTrailers({ 'x-sum': '7' });
    response.end();
  } else if (way === '/pieces') {
    response.write(text.slice(0, 5));
    setImmediate(() => {
      response.write(text.slice(5, 9));
      setImmediate(() => response.end(text.slice(9)));
    });
  } else if (way === '/gated') {
    response.write(text.slice(0, 5));
    letGo = () => response.end(text.slice(5));
  } else if (way === '/cut') {
    response.writeHead(200, { 'content-length': '1000' });
    response.write(text.slice(0, 5));
    setTimeout(() => response.destroy(), 30);
  } else if (way === '/endless') {
    handed = 0;
    const piece = Buffer.alloc(64 * 1024);
    const more = (): void => {
      handed += piece.length;
      response.write(piece);
      if (!response.destroyed) response.once('drain', more);
    };
    more();
  } else response.end();
};

type Ask = (
  path: string,
  more?: { method?: string; signal?: AbortSignal; opaque?: unknown },
) => Promise<ClerkResponse>;

/** A server with a plain Pool and a binding, for one test. */
async function poolAndBinding(): Promise<{
  readonly address: string;
  readonly theirs: Ask;
  readonly ours: Ask;
}> {
  const { address } = await webServer(serve);
  const pool = new Pool(address);
  onTestFinished(() => pool.destroy());
  const { orders } = testClerk([address]);
  return {
    address,
    theirs: (path, more) =>
      pool.request({ method: 'GET', path, ...more } as never) as unknown as Promise<ClerkResponse>,
    ours: (path, more) => orders.request({ path, ...more }),
  };
}

/** The result of a promise as comparable text. */
async function resultOf(promise: Promise<unknown>): Promise<string> {
  try {
    const value = await promise;
    if (value instanceof ArrayBuffer) return `ArrayBuffer ${Buffer.from(value).toString('hex', 0, 20)}`;
    if (value instanceof Blob) return `Blob ${value.type} ${await value.text()}`;
    if (value instanceof Uint8Array)
      return `${value.constructor.name} ${Buffer.from(value).toString('hex', 0, 20)}`;
    return JSON.stringify(value) ?? String(value);
  } catch (error) {
    const { name, code } = error as NodeJS.ErrnoException;
    // The clerk has its own code for a truncated response.
    return code === 'OUTCOME_UNKNOWN' || code === 'UND_ERR_SOCKET'
      ? 'rejected: cut'
      : `rejected: ${name} ${code ?? ''}`;
  }
}

async function all(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  for await (const piece of stream) pieces.push(piece);
  return Buffer.concat(pieces).toString('hex');
}

/** The text of a stream, read with 'data' listeners. */
async function collect(stream: Readable): Promise<string> {
  const pieces: Buffer[] = [];
  stream.on('data', (piece: Buffer) => pieces.push(piece));
  await once(stream, 'end');
  return digest(Buffer.concat(pieces));
}

/** A short form of a body, so that a failure does not print all of it. */
function digest(body: Buffer | string): string {
  return `${String(Buffer.byteLength(body))} bytes, ${createHash('sha256').update(body).digest('hex')}`;
}

const later = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 60));

const cases: readonly [what: string, run: (ask: Ask) => Promise<unknown>][] = [
  ...['text', 'json', 'bytes', 'arrayBuffer', 'blob', 'formData'].flatMap((method) =>
    ['/small', '/pieces', '/empty', '/marked', '/broken-json', '/no-content', '/cut'].map(
      (path): [string, (ask: Ask) => Promise<unknown>] => [
        `${method}() of ${path}`,
        async (ask) => {
          const { body } = await ask(path);
          body.on('error', () => undefined);
          return resultOf(
            (body as unknown as Record<string, () => Promise<unknown>>)[method]?.() as Promise<unknown>,
          );
        },
      ],
    ),
  ),
  [
    'text() after the whole body has arrived',
    async (ask) => {
      const { body } = await ask('/pieces');
      await later();
      return resultOf(body.text());
    },
  ],
  [
    'bodyUsed before and after',
    async (ask) => {
      const { body } = await ask('/small');
      const before = body.bodyUsed;
      await body.text();
      return [before, body.bodyUsed];
    },
  ],
  [
    'the state of the stream after text()',
    async (ask) => {
      const { body } = await ask('/small');
      const events: string[] = [];
      for (const event of ['end', 'close', 'error']) body.on(event, () => events.push(event));
      await body.text();
      await later();
      return [events, body.readableEnded, body.destroyed, body.closed, body.errored];
    },
  ],
  [
    'finished() while text() reads',
    async (ask) => {
      const { body } = await ask('/pieces');
      return Promise.all([resultOf(body.text()), resultOf(finished(body))]);
    },
  ],
  ['for await', async (ask) => all((await ask('/pieces')).body)],
  ['for await of a large one', async (ask) => (await all((await ask('/large')).body)).length],
  [
    'for await after the whole body has arrived',
    async (ask) => {
      const { body } = await ask('/pieces');
      await later();
      return all(body);
    },
  ],
  [
    'for await, left early',
    async (ask) => {
      const { body } = await ask('/endless');
      for await (const piece of body) {
        if ((piece as Buffer).length > 0) break;
      }
      return [body.destroyed, body.bodyUsed];
    },
  ],
  [
    'text() after for await',
    async (ask) => {
      const { body } = await ask('/small');
      await all(body);
      return resultOf(body.text());
    },
  ],
  [
    'read() called directly',
    async (ask) => {
      const { body } = await ask('/small');
      await later();
      const pieces: Buffer[] = [];
      body.on('readable', () => {
        for (let piece = body.read() as Buffer | null; piece !== null; piece = body.read() as Buffer | null)
          pieces.push(piece);
      });
      await finished(body);
      return Buffer.concat(pieces).toString();
    },
  ],
  [
    'pipeline',
    async (ask) => {
      const pieces: Buffer[] = [];
      const sink = new Writable({
        write(piece: Buffer, _encoding, done) {
          pieces.push(piece);
          setImmediate(done);
        },
      });
      await pipeline((await ask('/large')).body, sink);
      return Buffer.concat(pieces).equals(large);
    },
  ],
  [
    'pipeline of a truncated body',
    async (ask) => {
      const sink = new Writable({ write: (_piece, _encoding, done) => done() });
      const how = await resultOf(pipeline((await ask('/cut')).body, sink));
      return how.startsWith('rejected');
    },
  ],
  [
    'the web stream',
    async (ask) => {
      const web = (await ask('/pieces')).body.body as unknown as ReadableStream<Uint8Array>;
      return all(web);
    },
  ],
  [
    'text() when a reader has the web stream',
    async (ask) => {
      const { body } = await ask('/small');
      (body.body as unknown as ReadableStream).getReader();
      return resultOf(body.text());
    },
  ],
  [
    'the web stream after text()',
    async (ask) => {
      const { body } = await ask('/gated');
      const read = resultOf(body.text());
      await later();
      const { locked } = body.body as unknown as ReadableStream;
      letGo();
      return [await read, locked];
    },
  ],
  [
    'Response with the body',
    async (ask) => new Response(Readable.toWeb((await ask('/pieces')).body) as never).text(),
  ],
  [
    'dump()',
    async (ask) => {
      const { body } = await ask('/small');
      const how = await resultOf(body.dump());
      return [how === 'null' || how === 'undefined', body.bodyUsed];
    },
  ],
  [
    'dump() of a large body',
    async (ask) => {
      const { body } = await ask('/large');
      const how = await resultOf(body.dump());
      return [how === 'null' || how === 'undefined', body.destroyed];
    },
  ],
  [
    'dump() within a limit',
    async (ask) => {
      const { body } = await ask('/large');
      await body.dump({ limit: 2_000_000 });
      return [body.readableEnded, body.destroyed];
    },
  ],
  [
    'dump() of an endless body',
    async (ask) => {
      const { body } = await ask('/endless');
      await body.dump({ limit: 100_000 });
      return body.destroyed;
    },
  ],
  [
    'dump() with an aborted signal',
    async (ask) => {
      const { body } = await ask('/small');
      const how = await resultOf(body.dump({ limit: 9, signal: AbortSignal.abort() }));
      await resultOf(body.dump());
      return how;
    },
  ],
  [
    'dump() with a signal that aborts',
    async (ask) => {
      const { body } = await ask('/gated');
      const controller = new AbortController();
      const how = resultOf(body.dump({ limit: 9_000, signal: controller.signal }));
      await later();
      controller.abort();
      return how;
    },
  ],
  [
    'dump() with an invalid signal',
    async (ask) => {
      const { body } = await ask('/small');
      const how = await resultOf(body.dump({ limit: 9, signal: 7 as never }));
      await resultOf(body.dump());
      return how;
    },
  ],
  [
    'destroy() before it was read',
    async (ask) => {
      const { body } = await ask('/endless');
      const errors: string[] = [];
      body.on('error', (error: NodeJS.ErrnoException) => errors.push(String(error.code)));
      body.destroy();
      await later();
      return [errors, await resultOf(body.text())];
    },
  ],
  [
    'destroy() with an error while text() reads',
    async (ask) => {
      const { body } = await ask('/gated');
      const read = resultOf(body.text());
      await later();
      body.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
      return read;
    },
  ],
  [
    'a signal that aborts while text() reads',
    async (ask) => {
      const controller = new AbortController();
      const { body } = await ask('/gated', { signal: controller.signal });
      const read = resultOf(body.text());
      await later();
      controller.abort();
      return read;
    },
  ],
  [
    'a signal that aborts after it was read',
    async (ask) => {
      const controller = new AbortController();
      const { body } = await ask('/small', { signal: controller.signal });
      const read = await resultOf(body.text());
      await later();
      controller.abort();
      return [read, body.errored];
    },
  ],
  ...['/small', '/pieces', '/large', '/empty'].flatMap((path): [string, (ask: Ask) => Promise<unknown>][] => [
    [
      `text() beside 'data' listeners, ${path}`,
      async (ask) => {
        const { body } = await ask(path);
        const read = body.text();
        const streamed = collect(body);
        return [digest(await read), await streamed];
      },
    ],
    [
      `'data' listeners beside text(), ${path}`,
      async (ask) => {
        const { body } = await ask(path);
        const streamed = collect(body);
        return [digest(await body.text()), await streamed];
      },
    ],
    [
      `json() beside pipe(), ${path}`,
      async (ask) => {
        const { body } = await ask(path);
        const sink = new PassThrough();
        body.pipe(sink);
        body.on('error', () => sink.end());
        const read = resultOf(body.json());
        return [await collect(sink), await read];
      },
    ],
    [
      `text() beside a 'readable' listener, ${path}`,
      async (ask) => {
        const { body } = await ask(path);
        body.on('readable', () => void body.read());
        return digest(await body.text());
      },
    ],
  ]),
  [
    "text() after the first 'data'",
    async (ask) => {
      const { body } = await ask('/pieces');
      const streamed = collect(body);
      await once(body, 'data');
      return [await resultOf(body.text()), await streamed];
    },
  ],
  [
    "a cut body with text() beside 'data' listeners",
    async (ask) => {
      const { body } = await ask('/cut');
      let bytes = 0;
      body.on('error', () => undefined).on('data', (piece: Buffer) => (bytes += piece.length));
      return [await resultOf(body.text()), bytes];
    },
  ],
  [
    'destroy() in the tick of the response, with a listener added later',
    async (ask) => {
      const { body } = await ask('/endless');
      body.destroy();
      await Promise.resolve();
      const error = await new Promise<NodeJS.ErrnoException>((resolve) => body.once('error', resolve));
      return [error.code, body.destroyed];
    },
  ],
  [
    'destroy() with an error, then text() in the same tick',
    async (ask) => {
      const { body } = await ask('/gated');
      body.on('error', () => undefined);
      body.destroy(Object.assign(new Error('enough'), { code: 'ENOUGH' }));
      return resultOf(body.text());
    },
  ],
  [
    'text(), then destroy() in the same tick',
    async (ask) => {
      const { body } = await ask('/gated');
      body.on('error', () => undefined);
      const read = resultOf(body.text());
      body.destroy();
      return read;
    },
  ],
  [
    "destroy() beside a 'data' listener",
    async (ask) => {
      const { body } = await ask('/endless');
      const events: string[] = [];
      for (const event of ['end', 'close', 'error']) body.on(event, () => events.push(event));
      body.once('data', () => body.destroy());
      await once(body, 'close').catch(() => undefined);
      await later();
      return [events, await resultOf(body.text())];
    },
  ],
  [
    'HEAD',
    async (ask) => {
      const { body, statusCode } = await ask('/small', { method: 'HEAD' });
      return [statusCode, await resultOf(body.text())];
    },
  ],
  [
    'HEAD of a large body, dumped',
    async (ask) => {
      const { body } = await ask('/large', { method: 'HEAD' });
      await body.dump();
      return body.readableEnded;
    },
  ],
  [
    'trailers',
    async (ask) => {
      const { body, trailers } = await ask('/trailers');
      await body.text();
      return trailers;
    },
  ],
  [
    'opaque',
    async (ask) => {
      const { opaque, body, statusText } = await ask('/small', { opaque: { mine: 7 } });
      await body.text();
      return [opaque, statusText];
    },
  ],
  [
    'text() in another encoding',
    async (ask) => {
      const { body } = await ask('/small');
      body.setEncoding('latin1');
      return body.text();
    },
  ],
];

describe('agrees with undici', () => {
  test.each(cases)('%s', async (_what, run) => {
    const { theirs, ours } = await poolAndBinding();
    expect(await run(ours)).toEqual(await run(theirs));
  });
});

test('a body can be read once: the second read fails', async () => {
  const { ours } = await poolAndBinding();
  const small = (await ours('/small')).body;
  expect(await small.text()).toBe(text);
  await expect(small.text()).rejects.toThrow(/already read/);
  await expect(small.json()).rejects.toThrow(TypeError);
  const gated = (await ours('/gated')).body;
  const first = gated.text();
  await expect(gated.text()).rejects.toThrow(/already read/);
  letGo();
  expect(await first).toBe(text);
});

test.each(['/small', '/pieces', '/large'])(
  'text() beside for await gives both the whole body, %s',
  async (path) => {
    const { ours } = await poolAndBinding();
    const { body } = await ours(path);
    const [read, streamed] = await Promise.all([body.text(), all(body)]);
    expect(digest(Buffer.from(streamed, 'hex'))).toBe(digest(read));
    expect(read).toBe(path === '/large' ? large.toString() : text);
  },
);

test('an unread body stops the connection', async () => {
  const { ours } = await poolAndBinding();
  const { body } = await ours('/endless');
  await later();
  await later();
  const before = handed;
  await later();
  await later();
  expect(before).toBeGreaterThan(64 * 1024);
  expect(handed).toBe(before);
  body.on('error', () => undefined);
  body.destroy();
});

test('a stream with an encoding gives strings, like every Readable', async () => {
  const { ours } = await poolAndBinding();
  const { body } = await ours('/pieces');
  body.setEncoding('utf8');
  let read = '';
  for await (const piece of body) read += piece as string;
  expect(read).toBe(text);
});

test('a connection is reused after each way to end a body', async () => {
  const { address } = await webServer(serve);
  const { orders: single } = testClerk([address], { connections: 1 }, { timeoutMs: 2_000 });
  for (const end of ['text', 'dump', 'bytes'] as const) {
    const { body } = await single.request({ path: '/pieces' });
    await body[end]();
  }
  (await single.request({ path: '/large' })).body.on('error', () => undefined).destroy();
  expect(await single.text('/small')).toBe(text);
});
