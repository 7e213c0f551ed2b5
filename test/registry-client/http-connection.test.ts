import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/runtime/system-clock.js';
import { httpConnection } from '../../src/registry-client/http-connection.js';
import type { RegistryConnection, StreamEvent } from '../../src/registry-client/connection.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A peer and the server that it talks to. */
async function connectTo(
  handler: Handler,
  on: number | string = 0,
): Promise<{ peer: RegistryConnection; server: Server }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) =>
    typeof on === 'string' ? server.listen(on, resolve) : server.listen(on, '127.0.0.1', resolve),
  );
  const url =
    typeof on === 'string' ? `unix:${on}` : `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const peer = httpConnection(url, { clock: systemClock, tls: {} });
  onTestFinished(async () => {
    await peer.close();
    server.closeAllConnections();
    server.close();
  });
  return { peer, server };
}

const neverAborted = new AbortController().signal;

test('asks with JSON and without encodings, and reads the answer with its position', async () => {
  const asked: unknown[] = [];
  const { peer } = await connectTo((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method, url, headers } = request;
      asked.push([method, url, headers['content-type'], headers['accept-encoding'], body]);
      response.setHeader('clerk-revision', '7').setHeader('clerk-incarnation', 'i');
      response.writeHead(404).end('{"error":{"code":"NAME_NOT_FOUND"}}');
    });
  });
  expect(await peer.request({ path: '/v1/resolve', query: { name: '/#a/b c&d' } }, neverAborted)).toEqual({
    status: 404,
    body: { error: { code: 'NAME_NOT_FOUND' } },
    revision: '7',
    incarnation: 'i',
  });
  await peer.request({ path: '/v1/renew', body: { renewals: [] } }, neverAborted);
  expect(asked).toEqual([
    ['GET', '/v1/resolve?name=%2F%23a%2Fb+c%26d', undefined, 'identity', ''],
    ['POST', '/v1/renew', 'application/json', 'identity', '{"renewals":[]}'],
  ]);
});

test('speaks over a unix socket too', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'peer-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { peer } = await connectTo((_request, response) => response.end('1'), join(folder, 's'));
  expect(await peer.request({ path: '/' }, neverAborted)).toMatchObject({ status: 200, body: 1 });
});

test('what is encoded is refused, whatever it would unpack to', async () => {
  const { peer } = await connectTo((_request, response) => {
    response.setHeader('content-encoding', 'gzip').end(gzipSync('{}'));
  });
  await expect(peer.request({ path: '/' }, neverAborted)).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining("the encoding 'gzip'") as string,
  });
});

test('an answer may have 4 MiB and not a byte more', async () => {
  const { peer } = await connectTo((request, response) => {
    const bytes = Number(new URL(request.url ?? '', 'http://x').searchParams.get('bytes'));
    response.end(`"${'x'.repeat(bytes - 2)}"`);
  });
  const ask = (bytes: number) => peer.request({ path: '/', query: { bytes: String(bytes) } }, neverAborted);
  const lengthOf = async (bytes: number) => ((await ask(bytes)).body as string).length;
  expect(await lengthOf(4_194_303)).toBe(4_194_301);
  expect(await lengthOf(4_194_304)).toBe(4_194_302);
  await expect(lengthOf(4_194_305)).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
});

test('what is no JSON has no body', async () => {
  const { peer } = await connectTo((_request, response) => response.end('<html>'));
  expect(await peer.request({ path: '/' }, neverAborted)).toMatchObject({ status: 200, body: undefined });
});

test('nobody there is said as what it is, with what to do', async () => {
  const { peer, server } = await connectTo(() => {});
  server.close();
  await expect(peer.request({ path: '/' }, neverAborted)).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: `No registry listens at ${peer.url}; start one with 'npx clerk serve', or name another one`,
  });
});

test.each<[string, Handler]>([
  ['never begins its answer', () => {}],
  ['never ends its answer', (_request, response) => void response.writeHead(200).write('{')],
  ['cuts the connection', (request) => request.socket.destroy()],
  ['cuts the answer', (request, response) => response.write('{', () => request.socket.destroy())],
])('a server that %s is an error in time', async (_what, handler) => {
  const { peer } = await connectTo(handler);
  const asked = peer.request({ path: '/', headersTimeoutMs: 200 }, neverAborted);
  await expect(asked).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('giving up ends the question at once, with the reason as it was', async () => {
  let ended: (() => void) | undefined;
  const gone = new Promise<void>((resolve) => (ended = resolve));
  const { peer } = await connectTo((request) => request.socket.once('close', () => ended?.()));
  const controller = new AbortController();
  const asked = peer.request({ path: '/' }, controller.signal);
  setTimeout(() => controller.abort(new Error('Enough')), 50);
  await expect(asked).rejects.toThrow('Enough');
  await gone;
  await expect(peer.request({ path: '/' }, controller.signal)).rejects.toThrow('Enough');
});

test('a question that was given up before it was sent never is', async () => {
  const asked: string[] = [];
  const { peer } = await connectTo((request, response) => {
    asked.push(request.url ?? '');
    response.end('1');
  });
  const controller = new AbortController();
  const early = peer.request({ path: '/early' }, controller.signal);
  controller.abort(new Error('Enough'));
  await expect(early).rejects.toThrow('Enough');
  await peer.request({ path: '/later' }, neverAborted);
  await peer.request({ path: '/last' }, neverAborted);
  expect(asked).toEqual(['/later', '/last']);
});

/** A stream that was listened to until it ended, with what it said. */
function readStream(
  peer: RegistryConnection,
): Promise<{ events: StreamEvent[]; signs: number; code: string; message: string }> {
  const events: StreamEvent[] = [];
  let signs = 0;
  return new Promise((resolve) => {
    peer.stream(
      { path: '/v1/watch', body: { globs: ['/**'] } },
      {
        onActivity: () => {
          signs++;
        },
        onEvent: (event) => void events.push(event),
        onEnd: ({ code, message }) => resolve({ events, signs, code, message }),
      },
    );
  });
}

test('a stream is read event by event, wherever its bytes are cut', async () => {
  const text = Buffer.from(
    ': a comment\n\nid: i:1\nevent: put\ndata: {"name":"/x","why":"größer"}\n\nid: i:2\nevent: heartbeat\ndata: {}\n\n',
  );
  const { peer } = await connectTo((request, response) => {
    expect(request.method).toBe('POST');
    response.setHeader('content-type', 'text/event-stream; charset=utf-8');
    response.flushHeaders();
    void (async () => {
      for (const byte of text) {
        response.write(Buffer.of(byte));
        await new Promise(setImmediate);
      }
      response.end();
    })();
  });
  const { events, signs, code } = await readStream(peer);
  expect(events).toEqual([
    { type: 'put', id: 'i:1', data: { name: '/x', why: 'größer' } },
    { type: 'heartbeat', id: 'i:2', data: {} },
  ]);
  expect(signs).toBeGreaterThan(1);
  expect(code).toBe('REGISTRY_UNREACHABLE');
});

test.each<[string, Handler, string, RegExp]>([
  [
    'refuses it',
    (_request, response) =>
      void response.writeHead(429).end('{"error":{"code":"LIMIT_EXCEEDED","message":"64 watches are open"}}'),
    'LIMIT_EXCEEDED',
    /^64 watches are open$/,
  ],
  [
    'gives a page',
    (_request, response) => void response.end('<html>'),
    'REGISTRY_INVALID',
    /no stream of events/,
  ],
  [
    'talks nonsense',
    (_request, response) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {\n\n'),
    'REGISTRY_INVALID',
    /cannot be read/,
  ],
  [
    'never ends an event',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${'x'.repeat(5 * 1024 * 1024)}`);
    },
    'REGISTRY_INVALID',
    /cannot be read/,
  ],
  [
    'cuts it',
    (request) => {
      request.socket.destroy();
    },
    'REGISTRY_UNREACHABLE',
    /cannot be asked/,
  ],
])('a stream of a server that %s ends with the reason', async (_what, handler, code, message) => {
  const { peer } = await connectTo(handler);
  const ended = await readStream(peer);
  expect(ended.code).toBe(code);
  expect(ended.message).toMatch(message);
});

test('a stream that is stopped says nothing more, and lets go of its connection', async () => {
  let onClosed: (() => void) | undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));
  const { peer } = await connectTo((request, response) => {
    request.socket.once('close', () => onClosed?.());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
  });
  const said: string[] = [];
  await new Promise<void>((resolve) => {
    const stop = peer.stream(
      { path: '/', body: {} },
      {
        onActivity: () => {},
        onEvent: () => {
          said.push('event');
          stop();
          resolve();
        },
        onEnd: () => void said.push('end'),
      },
    );
  });
  await closed;
  expect(said).toEqual(['event']);
});
