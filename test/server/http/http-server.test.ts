import { once } from 'node:events';
import type { Socket } from 'node:net';
import { request } from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import type { Launcher } from '../../../src/server/ports.js';
import { ClerkError } from '../../../src/core/errors.js';
import { limits } from '../../../src/protocol/limits.js';
import { startHarness, type HttpHarness } from './http-harness.js';

/** Opens a watch and collects its events. */
async function openWatch({ url }: HttpHarness, path: string, init: object = {}) {
  const abort = new AbortController();
  const { statusCode, headers, body } = await request(url + path, {
    signal: abort.signal,
    bodyTimeout: 0,
    ...init,
  });
  let text = '';
  let hasEnded = false;
  const ended = (async () => {
    try {
      for await (const chunk of body) text += String(chunk);
    } catch {
      // The connection was closed by the server.
    }
    hasEnded = true;
  })();
  const events = () =>
    text
      .split('\n\n')
      .slice(0, -1)
      .map((frame) => ({
        id: /^id: (.*)$/m.exec(frame)?.[1],
        event: /^event: (.*)$/m.exec(frame)?.[1],
        data: JSON.parse(/^data: (.*)$/m.exec(frame)?.[1] ?? 'null'),
      }));
  const until = async (count: number) => {
    while (events().length < count && !hasEnded) await new Promise((resolve) => setTimeout(resolve, 2));
    return events();
  };
  return { statusCode, headers, events, until, ended, abort: () => abort.abort() };
}

const json = { 'content-type': 'application/json' };

test('a watch is a stream of events, opened by POST or GET', async () => {
  const server = await startHarness();
  const posted = await openWatch(server, '/v1/watch', {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ globs: ['/shop/**'], since: { incarnation: 'fake', revision: '3' } }),
  });
  expect(posted.headers).toMatchObject({
    'content-type': 'text/event-stream',
    'cache-control': 'no-store',
    'clerk-revision': '7',
  });
  const [open, current] = await posted.until(2);
  expect(open).toMatchObject({
    id: 'fake:7:m',
    event: 'open',
    data: { type: 'open', resumed: true, heartbeatMs: 5_000 },
  });
  expect(current).toMatchObject({ event: 'current' });
  expect(server.names.watches[0]).toMatchObject({
    globs: ['/shop/**'],
    since: { incarnation: 'fake', revision: '3' },
  });

  const opened = await openWatch(server, '/v1/watch?glob=/a&glob=/b/*', {
    headers: { 'last-event-id': 'fake:5' },
  });
  await opened.until(2);
  expect(server.names.watches[1]).toMatchObject({
    globs: ['/a', '/b/*'],
    since: { incarnation: 'fake', revision: '5' },
  });

  for (let i = 0; i < 100; i++) {
    server.names.revision += 1;
    server.names.emit({ type: 'delete', name: `/b/s${i}` });
  }
  const events = await opened.until(102);
  expect(events.slice(2).map(({ id, data }) => [id, data.name])).toEqual(
    Array.from({ length: 100 }, (_, i) => [`fake:${8 + i}:m`, `/b/s${i}`]),
  );
  posted.abort();
  await posted.ended;
  await expect.poll(() => server.names.watches[0]?.isClosed).toBe(true);
  expect(server.names.watches[1]?.isClosed).toBe(false);
});

test('an invalid watch is rejected before the stream begins', async () => {
  const { get, post, names } = await startHarness();
  for (const path of ['/v1/watch', '/v1/watch?globs=/a', '/v1/watch?glob=/a&since=7'])
    expect(await get(path)).toMatchObject({ status: 400, json: { error: { code: 'CONFIG_INVALID' } } });
  expect(await get('/v1/watch?glob=a')).toMatchObject({
    status: 400,
    json: { error: { code: 'NAME_INVALID' } },
  });
  expect(await get('/v1/watch?glob=/*/*/*/*/*/*/*/*/*')).toMatchObject({
    json: { error: { code: 'NAME_INVALID' } },
  });
  for (const id of ['', 'fake', 'fake:', ':7', 'fake:x', 'fake:-1', `fake:${'9'.repeat(41)}`])
    expect([id, (await get('/v1/watch?glob=/a', { 'last-event-id': id })).status]).toEqual([id, 400]);
  for (const body of [
    {},
    { globs: [] },
    { globs: '/a' },
    { globs: ['/a'], since: '7' },
    { globs: Array(limits.maxGlobs + 1).fill('') },
  ])
    expect((await post('/v1/watch', body)).status).toBe(400);
  expect(names.watches).toEqual([]);
});

test('an open watch is edited by its id', async () => {
  const server = await startHarness();
  const stream = await openWatch(server, '/v1/watch?glob=/a');
  const [open] = await stream.until(1);
  const watch = String(open?.data.watch);
  expect(await server.post('/v1/watch/edit', { watch, add: ['/b'], remove: ['/a'] })).toMatchObject({
    status: 200,
    json: {},
  });
  expect(server.names.watches[0]?.edits).toEqual([{ add: ['/b'], remove: ['/a'] }]);
  expect(await server.post('/v1/watch/edit', { watch, add: ['b'] })).toMatchObject({
    status: 400,
    json: { error: { code: 'NAME_INVALID' } },
  });
  expect(await server.post('/v1/watch/edit', { watch: 'other' })).toMatchObject({
    status: 404,
    json: { error: { code: 'CLERK_CLOSED' } },
  });
  stream.abort();
  await expect.poll(async () => (await server.post('/v1/watch/edit', { watch })).status).toBe(404);
});

test(`at most ${limits.maxWatches} watches per client address`, async () => {
  const server = await startHarness();
  const streams = [];
  for (let i = 0; i < limits.maxWatches; i++) streams.push(await openWatch(server, '/v1/watch?glob=/a'));
  expect(streams.map(({ statusCode }) => statusCode)).toEqual(Array(limits.maxWatches).fill(200));
  expect(await server.get('/v1/watch?glob=/a')).toMatchObject({
    status: 429,
    json: { error: { code: 'LIMIT_EXCEEDED' } },
  });
  streams[0]?.abort();
  await expect.poll(() => server.names.watches[0]?.isClosed).toBe(true);
  const next = await openWatch(server, '/v1/watch?glob=/a');
  expect(next.statusCode).toBe(200);
  expect((await server.get('/v1/watch?glob=/a')).status).toBe(429);
});

test('the names of all watches of a principal have a maximum length together, without the names that were removed', async () => {
  const server = await startHarness();
  const open = async () => {
    const [event] = await (await openWatch(server, '/v1/watch?glob=/a')).until(1);
    return String(event?.data.watch);
  };
  const watches = [await open(), await open()];
  let edits = 0;
  const edit = async (watch: number, names: string[], remove: string[] = []) =>
    (await server.post('/v1/watch/edit', { watch: watches[watch], add: names, remove })).status;
  const newNames = () => {
    edits++;
    return Array.from(
      { length: 240 },
      (_, i) => `/${`${'long-name'.repeat(6)}/`.repeat(4)}n${1_000 + edits}-${1_000 + i}`,
    );
  };
  const first = newNames();
  expect(await edit(0, first)).toBe(200);
  const perEdit = first.join('').length;
  // Names that the watch has already do not count again.
  for (let i = 0; i < 3; i++) expect(await edit(0, first)).toBe(200);
  const possible = Math.floor(limits.maxGlobBytes / perEdit) - 1;
  for (let i = 1; i < possible; i++) expect(await edit(i % 2, newNames())).toBe(200);
  for (let i = 0; i < 3; i++) await edit(1, newNames());
  expect(await server.post('/v1/watch/edit', { watch: watches[1], add: newNames() })).toMatchObject({
    status: 429,
    json: { error: { code: 'LIMIT_EXCEEDED' } },
  });
  expect(await edit(0, [], first)).toBe(200);
  expect(await edit(1, newNames())).toBe(200);
});

test('a client that never reads is disconnected, with bounded buffering', async () => {
  const server = await startHarness();
  const socket = server.socket();
  await once(socket, 'connect');
  socket.pause();
  socket.write('GET /v1/watch?glob=/a HTTP/1.1\r\nhost: localhost\r\n\r\n');
  await expect.poll(() => server.names.watches.length).toBe(1);
  // More than the socket buffers hold; beyond them, the server queues only up to its limits.
  const reason = 'x'.repeat(100_000);
  for (let i = 0; i < 200; i++) {
    server.names.emit({ type: 'resync', reason });
    server.names.emit({ type: 'current', globs: [] });
    await new Promise((resolve) => setImmediate(resolve));
  }
  await expect.poll(() => server.names.watches[0]?.isClosed, { timeout: 10_000 }).toBe(true);
  const { text } = await server.get('/metrics');
  expect(text).toMatch(/clerk_watch_disconnects_total 1\n/);
  socket.destroy();
});

test('a client that disconnects while it waits for a start aborts its wait', async () => {
  const signals: AbortSignal[] = [];
  const launcher = {
    launch: (_: unknown, signal: AbortSignal) => {
      signals.push(signal);
      return new Promise((_resolve, reject) =>
        signal.addEventListener('abort', () => reject(signal.reason as Error)),
      );
    },
    stop: async () => ({ stopped: 2 }),
  } as unknown as Launcher;
  const server = await startHarness({ launcher });
  const abort = new AbortController();
  const disconnected = request(`${server.url}/v1/launch`, {
    method: 'POST',
    headers: json,
    body: '{"name":"/a"}',
    signal: abort.signal,
  }).catch((error: unknown) => error);
  const waiting = server.post('/v1/launch', { name: '/b', waitMs: 1_000 });
  await expect.poll(() => signals.length).toBe(2);
  abort.abort();
  await disconnected;
  await expect.poll(() => signals.map(({ aborted }) => aborted)).toEqual([true, false]);
  expect((await server.post('/v1/stop', { name: '/a' })).json).toEqual({ stopped: 2 });
  expect((await server.post('/v1/launch', { name: '/a', waitMs: -1 })).status).toBe(400);
  // Closing the server rejects the remaining wait.
  void server.http.close();
  expect(await waiting).toMatchObject({ status: 503, json: { error: { code: 'CLERK_CLOSED' } } });
});

test('without a launcher the error names the missing option', async () => {
  const { post } = await startHarness();
  for (const path of ['/v1/launch', '/v1/stop', '/v1/reset'])
    expect(await post(path, { name: '/a' })).toMatchObject({
      status: 403,
      json: { error: { code: 'FORBIDDEN', message: expect.stringContaining('--manifests') } },
    });
});

test('an export can be imported unchanged, in chunks of any size', async () => {
  const server = await startHarness();
  for (let i = 0; i < limits.maxChangedNames - 2; i++)
    server.names.lines.push({ kind: 'link', name: `/l${i}`, target: `/t${i}`, guaranteedMs: i });
  server.names.lines.push(
    { kind: 'directory', name: '/d', id: '#d1' },
    { kind: 'service', name: '/s', launch: null, policy: 'random', guaranteedMs: 0 },
  );
  const before = [...server.names.lines];
  const { headers, text } = await server.get('/v1/export');
  expect(headers['content-type']).toBe('application/x-ndjson');
  expect(text.split('\n')).toHaveLength(limits.maxChangedNames + 1);
  server.names.lines.length = 0;
  expect(await server.post('/v1/import', text, { 'content-type': 'application/x-ndjson' })).toMatchObject({
    status: 200,
    json: { entries: limits.maxChangedNames, revision: '8' },
  });
  const oneMore = `${text}{"kind":"directory","name":"/e","id":"#e1"}\n`;
  expect(await server.post('/v1/import', oneMore, { 'content-type': 'application/x-ndjson' })).toMatchObject({
    status: 429,
    json: { error: { code: 'LIMIT_EXCEEDED', message: expect.stringContaining('at most 2000 lines') } },
  });
  expect(server.names.lines).toEqual(before);
  server.names.lines.length = 0;
  // In chunks of one byte, with empty lines, without a final newline.
  const lines = Buffer.from(
    `\n{"kind":"link","name":"/ä","target":"/b"}\r\n\n{"kind":"directory","name":"/d","id":"#d"}`,
  );
  const chunks = [...lines].map((byte) =>
    Buffer.concat([Buffer.from('1\r\n'), Buffer.from([byte]), Buffer.from('\r\n')]),
  );
  const head =
    'POST /v1/import HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/x-ndjson\r\ntransfer-encoding: chunked\r\n\r\n';
  expect(await server.raw(Buffer.concat([Buffer.from(head), ...chunks, Buffer.from('0\r\n\r\n')]))).toMatch(
    /^HTTP\/1.1 200 [^]*"entries":2/,
  );
  expect(server.names.lines).toEqual([
    { kind: 'link', name: '/ä', target: '/b' },
    { kind: 'directory', name: '/d', id: '#d' },
  ]);
});

test('an import with an invalid line imports nothing and names the line', async () => {
  const server = await startHarness();
  const good = '{"kind":"link","name":"/a","target":"/b"}\n';
  const type = { 'content-type': 'application/x-ndjson' };
  for (const [line, message] of [
    [
      '{"kind":"link","name":"/a"}',
      "Line 2: Field 'target' must be the name that the link leads to, such as '/shop/orders'; got nothing",
    ],
    [
      '{"kind":"mount","name":"/a"}',
      "Line 2: Field 'kind' must be 'service', 'link', 'directory', 'group' or 'access'; got 'mount'",
    ],
    [
      '{"kind":"link","name":"/a","target":"/b","force":true}',
      "Line 2 has the unknown field 'force'; remove the field, or check the spelling",
    ],
    ['[]', 'Line 2 must be an object; got an empty list'],
    [`${'['.repeat(17)}${']'.repeat(17)}`, 'Line 2 must have at most 16 levels of objects and arrays'],
    [
      '{"kind":"link","kind":"link","name":"/a","target":"/b"}',
      'Line 2 must not have an object with duplicate keys',
    ],
  ]) {
    const { status, json } = await server.post('/v1/import', `${good}${line}\n${good}`, type);
    expect([line, status, json.error]).toEqual([line, 400, { code: 'CONFIG_INVALID', message }]);
  }
  const long = (bytes: number): string => `${good}${'['.padEnd(bytes, ' ')}\n`;
  expect((await server.post('/v1/import', long(limits.maxBodyBytes), type)).status).toBe(400);
  expect(await server.post('/v1/import', long(limits.maxBodyBytes + 1), type)).toMatchObject({
    status: 413,
    json: {
      error: { code: 'BODY_TOO_LARGE', message: 'Line 2 must be at most 65536 bytes; shorten the entry' },
    },
  });
  expect((await server.post('/v1/import', good)).status).toBe(415);
  expect(server.names.requests).toEqual([]);
});

test('the health check is 503 while degraded, and metrics count requests', async () => {
  const { names, get, post } = await startHarness();
  expect((await get('/healthz')).status).toBe(200);
  names.degraded = true;
  names.expiredRegistrations = 3;
  expect(await get('/healthz')).toMatchObject({ status: 503, json: { degraded: true } });
  await get('/v1/resolve?name=/a');
  await get('/v1/resolve?name=/a');
  await get('/nowhere');
  await post('/v1/register', {});
  await expect
    .poll(async () => (await get('/metrics')).text)
    .toContain('clerk_http_requests_total{method="GET",route="/v1/resolve",status="404"} 2');
  const { text, headers } = await get('/metrics');
  expect(headers['content-type']).toBe('text/plain; version=0.0.4; charset=utf-8');
  for (const line of [
    'clerk_http_requests_total{method="GET",route="/healthz",status="503"} 1',
    'clerk_http_requests_total{method="POST",route="/v1/register",status="400"} 1',
    'clerk_http_requests_total{method="other",route="other",status="404"} 1',
    'clerk_degraded 1',
    'clerk_leases_expired_total 3',
    'clerk_services 0',
  ])
    expect(text).toContain(`${line}\n`);
  expect(text).not.toContain('/nowhere');
  for (const line of text.trimEnd().split('\n'))
    expect(line).toMatch(/^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+-]+)$/);
});

test('closing ends watches with a last event, finishes requests in flight, and accepts no others', async () => {
  const server = await startHarness();
  const stream = await openWatch(server, '/v1/watch?glob=/a');
  await stream.until(2);
  let open = (): void => undefined;
  server.names.gate = new Promise((resolve) => (open = resolve));
  const pending = server.post('/v1/define', { name: '/a' });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = server.http.close();
  await stream.ended;
  expect(stream.events().at(-1)).toMatchObject({ id: 'fake:7:m', event: 'heartbeat' });
  open();
  expect(await pending).toMatchObject({ status: 200, headers: { connection: 'close' } });
  await closed;
  await server.http.close();
  await expect(request(`${server.url}/v1/status`)).rejects.toMatchObject({ code: 'ECONNREFUSED' });
});

test('closing waits until a slow client has received its whole response', async () => {
  const server = await startHarness();
  const json = JSON.stringify({ padding: 'x'.repeat(16 * 1024 * 1024) });
  server.names.texts.set('/a', json);
  const socket = server.socket();
  socket.write('GET /v1/resolve?name=/a HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  const idle = server.socket();
  idle.write('GET /v1/openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n');
  await new Promise((resolve) => idle.once('data', resolve));
  const idleClosed = new Promise((resolve) => idle.once('close', () => resolve('idle')));
  idle.resume();
  // The response has ended, and most of it waits for the client.
  await new Promise((resolve) => setTimeout(resolve, 200));
  const closed = server.http.close().then(() => 'server');
  expect(await Promise.race([idleClosed, closed])).toBe('idle');
  let received = 0;
  socket.on('data', (bytes) => (received += bytes.length));
  await new Promise((resolve) => socket.once('close', resolve));
  expect(received).toBeGreaterThan(json.length);
  await closed;
});

test('silent and slow connections time out', { timeout: 40_000 }, async () => {
  const server = await startHarness();
  const [silent, head, body] = await Promise.all([
    server.raw(''),
    server.raw('GET /v1/status HTTP/1.1\r\nhost: local'),
    server.raw(
      'POST /v1/define HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{',
    ),
  ]);
  for (const response of [silent, head, body])
    expect(response).toMatch(/^(HTTP\/1.1 408 [^]*DEADLINE_EXCEEDED[^]*)?$/);
  expect(body).toContain('408');
});

test('an error of the store is returned with its code', async () => {
  const server = await startHarness();
  server.names.nextError = new ClerkError('REGISTRY_UNREACHABLE', 'The store cannot be written');
  expect(await server.post('/v1/link', { name: '/a', target: '/b' })).toMatchObject({
    status: 503,
    json: { error: { code: 'REGISTRY_UNREACHABLE' } },
  });
});

test('connections with an open request are never closed for others, which are refused until one ends', async () => {
  const maxConnections = 8;
  const server = await startHarness({ maxConnections });
  const open: Socket[] = [];
  onTestFinished(() => open.forEach((socket) => socket.destroy()));
  /** Opens a connection with a request; resolves with whether it was answered. */
  const served = (path: string): Promise<boolean> =>
    new Promise((resolve) => {
      const socket = server.socket();
      open.push(socket);
      // A refused connection may be reset.
      socket.on('error', () => undefined).once('close', () => resolve(false));
      socket.once('data', () => resolve(true));
      socket.write(`GET ${path} HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n`);
    });
  while (open.length < maxConnections) expect(await served('/v1/watch?glob=/a')).toBe(true);
  expect(await served('/healthz')).toBe(false);
  open[0]?.destroy();
  await expect.poll(() => served('/healthz'), { timeout: 5_000 }).toBe(true);
  // The idle connection makes room.
  expect(await served('/v1/watch?glob=/a')).toBe(true);
  expect(await served('/healthz')).toBe(false);
});
