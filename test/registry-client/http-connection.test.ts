import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import { createServer as createTcpServer, Socket, type AddressInfo } from 'node:net';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemClock } from '../../src/runtime/system-clock.js';
import { undici } from '../../src/transport/load-undici.js';
import { httpConnection } from '../../src/registry-client/http-connection.js';
import type { RegistryConnection, StreamEvent } from '../../src/registry-client/connection.js';
import type { UndiciModule } from '../../src/registry-client/unref-connector.js';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A connection and its server. */
async function connectTo(
  handler: Handler,
  on: number | string = 0,
): Promise<{ connection: RegistryConnection; server: Server }> {
  const server = createServer(handler);
  await new Promise<void>((resolve) =>
    typeof on === 'string' ? server.listen(on, resolve) : server.listen(on, '127.0.0.1', resolve),
  );
  const url =
    typeof on === 'string' ? `unix:${on}` : `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connection = httpConnection(url, { clock: systemClock, tls: {}, undici });
  onTestFinished(async () => {
    await connection.close();
    server.closeAllConnections();
    server.close();
  });
  return { connection, server };
}

const neverAborted = new AbortController().signal;

test('sends JSON, requests no content encoding, and reads the response with its position', async () => {
  const requests: unknown[] = [];
  const { connection } = await connectTo((request, response) => {
    let body = '';
    request.on('data', (chunk: Buffer) => (body += chunk.toString()));
    request.on('end', () => {
      const { method, url, headers } = request;
      requests.push([method, url, headers['content-type'], headers['accept-encoding'], body]);
      response.setHeader('clerk-revision', '7').setHeader('clerk-incarnation', 'i');
      response.writeHead(404).end('{"error":{"code":"NAME_NOT_FOUND"}}');
    });
  });
  expect(
    await connection.request({ path: '/v1/resolve', query: { name: '/#a/b c&d' } }, neverAborted),
  ).toEqual({
    status: 404,
    body: { error: { code: 'NAME_NOT_FOUND' } },
    bodyBytes: 35,
    revision: '7',
    incarnation: 'i',
    position: '',
  });
  await connection.request({ path: '/v1/renew', body: { renewals: [] } }, neverAborted);
  expect(requests).toEqual([
    ['GET', '/v1/resolve?name=%2F%23a%2Fb+c%26d', undefined, 'identity', ''],
    ['POST', '/v1/renew', 'application/json', 'identity', '{"renewals":[]}'],
  ]);
});

test('each request and stream returns the last position that the connection has seen', async () => {
  const returned: unknown[] = [];
  let position = 'a:5:m1';
  const { connection } = await connectTo((request, response) => {
    returned.push(request.headers['clerk-position']);
    response.setHeader('clerk-position', position);
    if (request.url !== '/v1/watch') response.setHeader('content-type', 'application/json').end('{}');
    else response.setHeader('content-type', 'text/event-stream').write('id: a:9:m9\nevent: x\ndata: {}\n\n');
  });
  const send = (known?: string) =>
    connection.request({ path: '/v1/status', ...(known !== undefined && { position: known }) }, neverAborted);
  await send();
  await send();
  const stop = await new Promise<() => void>((resolve) => {
    const end = connection.stream(
      { path: '/v1/watch', body: { globs: ['/**'] } },
      { onActivity: () => undefined, onEvent: () => resolve(end), onEnd: () => undefined },
    );
  });
  stop();
  position = 'a:7:m7';
  await send();
  await send('a:20:m20');
  await send('b:1:x');
  position = 'c:1:y';
  await send();
  await send('not a position');
  await send('c:3:');
  expect(returned).toEqual([
    ...[undefined, 'a:5:m1', 'a:5:m1', 'a:9:m9', 'a:20:m20', 'a:9:m9,b:1:x', 'a:9:m9', 'c:1:y', 'c:1:y'],
  ]);
});

test('lines of JSON are sent as bytes, and received as an array', async () => {
  const { connection } = await connectTo((request, response) => {
    response.setHeader('content-type', 'application/x-ndjson; charset=utf-8');
    response.write(`{"type":"${request.headers['content-type'] ?? ''}"}\n`);
    request.pipe(response);
  });
  const body = new TextEncoder().encode('{"name":"/a"}\n\n{"name":"/b"}');
  expect(await connection.request({ path: '/v1/import', body }, neverAborted)).toMatchObject({
    status: 200,
    body: [{ type: 'application/x-ndjson' }, { name: '/a' }, { name: '/b' }],
  });
});

test('close destroys the sockets that are still connecting', async () => {
  const sockets: Socket[] = [];
  const neverConnects = (): Socket => {
    const socket = new Socket();
    sockets.push(socket);
    return socket;
  };
  const silentUndici = { ...undici(), buildConnector: () => neverConnects } as unknown as UndiciModule;
  const connection = httpConnection('http://10.255.255.1:1', {
    clock: systemClock,
    tls: {},
    undici: () => silentUndici,
  });
  const response = connection.request({ path: '/' }, neverAborted);
  connection.stream({ path: '/' }, { onActivity: () => {}, onEvent: () => {}, onEnd: () => {} });
  await vi.waitFor(() => expect(sockets).toHaveLength(2));
  await connection.close();
  await expect(response).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  expect(sockets.map(({ destroyed }) => destroyed)).toEqual([true, true]);
});

test('a registry at a unix socket gets the request', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'connection-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const { connection } = await connectTo((_request, response) => response.end('1'), join(folder, 's'));
  expect(await connection.request({ path: '/' }, neverAborted)).toMatchObject({ status: 200, body: 1 });
});

test('a response with a content encoding is rejected', async () => {
  const { connection } = await connectTo((_request, response) => {
    response.setHeader('content-encoding', 'gzip').end(gzipSync('{}'));
  });
  await expect(connection.request({ path: '/' }, neverAborted)).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining("the content encoding 'gzip'") as string,
  });
});

test('accepts a response of 4 MiB and rejects a larger one', async () => {
  const { connection } = await connectTo((request, response) => {
    const bytes = Number(new URL(request.url ?? '', 'http://x').searchParams.get('bytes'));
    response.end(`"${'x'.repeat(bytes - 2)}"`);
  });
  const send = (bytes: number) =>
    connection.request({ path: '/', query: { bytes: String(bytes) } }, neverAborted);
  const lengthOf = async (bytes: number) => ((await send(bytes)).body as string).length;
  expect(await lengthOf(4_194_303)).toBe(4_194_301);
  expect(await lengthOf(4_194_304)).toBe(4_194_302);
  await expect(lengthOf(4_194_305)).rejects.toMatchObject({ code: 'REGISTRY_INVALID' });
});

test('a response that is not JSON has no body', async () => {
  const { connection } = await connectTo((_request, response) => response.end('<html>'));
  expect(await connection.request({ path: '/' }, neverAborted)).toMatchObject({
    status: 200,
    body: undefined,
  });
});

test('an unreachable server is reported with its address and what to do', async () => {
  const { connection, server } = await connectTo(() => {});
  server.close();
  await expect(connection.request({ path: '/' }, neverAborted)).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: `No registry listens at ${connection.url}; start one with 'npx clerk serve', or set another registry address`,
  });
});

test.each<[string, Handler]>([
  ['never sends response headers', () => {}],
  ['never completes its response', (_request, response) => void response.writeHead(200).write('{')],
  ['closes the connection', (request) => request.socket.destroy()],
  [
    'closes the connection within the response',
    (request, response) => response.write('{', () => request.socket.destroy()),
  ],
])('a server that %s is an error within the timeout', async (_what, handler) => {
  const { connection } = await connectTo(handler);
  const response = connection.request({ path: '/', headersTimeoutMs: 200 }, neverAborted);
  await expect(response).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test.each([
  ['another protocol', 'SSH-2.0-OpenSSH_9.6\r\n'],
  ['a space before a colon', 'HTTP/1.1 200 OK\r\ncontent-length : 2\r\n\r\n{}'],
  ['a head of 20 KiB', `HTTP/1.1 200 OK\r\nx: ${'x'.repeat(20_480)}\r\n\r\n{}`],
])('a response with %s is invalid, for a request and for a stream', async (_what, bytes) => {
  const server = createTcpServer((socket) => {
    socket.on('error', () => {});
    socket.once('data', () => socket.end(bytes));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const connection = httpConnection(url, { clock: systemClock, tls: {}, undici });
  onTestFinished(async () => {
    await connection.close();
    server.close();
  });
  await expect(connection.request({ path: '/' }, neverAborted)).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining(`The response of ${url} is not valid HTTP: `),
  });
  expect(await readStream(connection)).toMatchObject({ code: 'REGISTRY_INVALID' });
});

test('aborting ends the request at once with the abort reason', async () => {
  let ended: (() => void) | undefined;
  const gone = new Promise<void>((resolve) => (ended = resolve));
  const { connection } = await connectTo((request) => request.socket.once('close', () => ended?.()));
  const controller = new AbortController();
  const response = connection.request({ path: '/' }, controller.signal);
  setTimeout(() => controller.abort(new Error('Enough')), 50);
  await expect(response).rejects.toThrow('Enough');
  await gone;
  await expect(connection.request({ path: '/' }, controller.signal)).rejects.toThrow('Enough');
});

test('a request that is aborted before it is sent is never sent', async () => {
  const requests: string[] = [];
  const { connection } = await connectTo((request, response) => {
    requests.push(request.url ?? '');
    response.end('1');
  });
  const controller = new AbortController();
  const early = connection.request({ path: '/early' }, controller.signal);
  controller.abort(new Error('Enough'));
  await expect(early).rejects.toThrow('Enough');
  await connection.request({ path: '/later' }, neverAborted);
  await connection.request({ path: '/last' }, neverAborted);
  expect(requests).toEqual(['/later', '/last']);
});

test.each([
  ['an abort', (abort: () => void) => abort()],
  ['a reset', (_abort: () => void, request: IncomingMessage) => request.socket.destroy()],
])('%s after a change was sent leaves its execution unknown', async (_what, interrupt) => {
  const controller = new AbortController();
  const { connection, server } = await connectTo((request) =>
    interrupt(() => controller.abort(new Error('Enough')), request),
  );
  const change = { path: '/', body: {}, isChange: true };
  await expect(connection.request(change, controller.signal)).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    execution: 'unknown',
    message: expect.stringContaining('may have made the change'),
  });
  server.closeAllConnections();
  server.close();
  await expect(connection.request(change, neverAborted)).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    execution: 'none',
  });
});

/** Reads a stream until it ends; resolves with everything the listener got. */
function readStream(
  connection: RegistryConnection,
): Promise<{ events: StreamEvent[]; activity: number; code: string; message: string }> {
  const events: StreamEvent[] = [];
  let activity = 0;
  return new Promise((resolve) => {
    connection.stream(
      { path: '/v1/watch', body: { globs: ['/**'] } },
      {
        onActivity: () => {
          activity++;
        },
        onEvent: (event) => void events.push(event),
        onEnd: ({ code, message }) => resolve({ events, activity, code, message }),
      },
    );
  });
}

test('events are parsed however their bytes are split', async () => {
  const text = Buffer.from(
    ': a comment\n\nid: i:1\nevent: put\ndata: {"name":"/x","why":"größer"}\n\nid: i:2\nevent: heartbeat\ndata: {}\n\n',
  );
  const { connection } = await connectTo((request, response) => {
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
  const { events, activity, code } = await readStream(connection);
  expect(events).toEqual([
    { type: 'put', id: 'i:1', data: { name: '/x', why: 'größer' } },
    { type: 'heartbeat', id: 'i:2', data: {} },
  ]);
  expect(activity).toBeGreaterThan(1);
  expect(code).toBe('REGISTRY_UNREACHABLE');
});

test.each<[string, Handler, string, RegExp]>([
  [
    'rejects it',
    (_request, response) =>
      void response.writeHead(429).end('{"error":{"code":"LIMIT_EXCEEDED","message":"64 watches are open"}}'),
    'LIMIT_EXCEEDED',
    /^64 watches are open$/,
  ],
  [
    'sends a page',
    (_request, response) => void response.end('<html>'),
    'REGISTRY_INVALID',
    /not an event stream/,
  ],
  [
    'sends an invalid event',
    (_request, response) =>
      void response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {\n\n'),
    'REGISTRY_INVALID',
    /received an invalid event/,
  ],
  [
    'never ends an event',
    (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' });
      response.write(`data: ${'x'.repeat(5 * 1024 * 1024)}`);
    },
    'REGISTRY_INVALID',
    /received an invalid event/,
  ],
  [
    'closes the connection',
    (request) => {
      request.socket.destroy();
    },
    'REGISTRY_UNREACHABLE',
    /is unreachable/,
  ],
])('a stream from a server that %s ends with the reason', async (_what, handler, code, message) => {
  const { connection } = await connectTo(handler);
  const ended = await readStream(connection);
  expect(ended.code).toBe(code);
  expect(ended.message).toMatch(message);
});

test('a stopped stream calls its listener no more and closes its connection', async () => {
  let onClosed: (() => void) | undefined;
  const closed = new Promise<void>((resolve) => (onClosed = resolve));
  const { connection } = await connectTo((request, response) => {
    request.socket.once('close', () => onClosed?.());
    response.writeHead(200, { 'content-type': 'text/event-stream' });
    response.write('data: 1\n\n');
  });
  const calls: string[] = [];
  await new Promise<void>((resolve) => {
    const stop = connection.stream(
      { path: '/', body: {} },
      {
        onActivity: () => {},
        onEvent: () => {
          calls.push('event');
          stop();
          resolve();
        },
        onEnd: () => void calls.push('end'),
      },
    );
  });
  await closed;
  expect(calls).toEqual(['event']);
});
