/** Requests that Node passes to other listeners than that of the event 'request'. */
import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer, request as requestHttps } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { systemKeys } from '../../../src/runtime/system-keys.js';
import { callerOfRequest } from '../../../src/service/authenticate/authenticate-handler.js';
import { uncheckedEvents } from '../../../src/service/authenticate/unchecked-events.js';
import { authenticated, listen, ticket, tlsOptions, web } from './secured-service.js';

const clientTls = { minVersion: 'TLSv1.3', rejectUnauthorized: false } as const;

/** Accepts each upgrade or tunnel, and sends the principal to the client. */
const accept = (request: IncomingMessage, socket: Duplex): void => {
  socket.on('error', () => undefined);
  socket.end(
    `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n${String(callerOfRequest(request)?.principal)}`,
  );
};

interface Answer {
  readonly status: number;
  readonly notExecuted: string | undefined;
  readonly body: string;
}

/** Sends an upgrade or CONNECT request on a connection of its own. */
async function open(port: number, method: string, headers: object, own = web): Promise<Answer> {
  const request = requestHttps({
    ...{ ...clientTls, key: own.key, cert: own.cert, agent: false, host: '127.0.0.1', port, method },
    path: method === 'CONNECT' ? 'target:1' : '/',
    headers: { ...headers, ...(method === 'GET' && { connection: 'upgrade', upgrade: 'echo' }) },
  });
  request.end();
  const answered = Promise.race([
    once(request, 'response').then(([response]) => [response, response as Duplex] as const),
    once(request, 'upgrade').then(([response, socket, head]) => [response, socket as Duplex, head] as const),
    once(request, 'connect').then(([response, socket, head]) => [response, socket as Duplex, head] as const),
  ]);
  const [response, stream, head] = await answered;
  const chunks: Buffer[] = head === undefined ? [] : [head as Buffer];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return {
    status: (response as IncomingMessage).statusCode ?? 0,
    notExecuted: (response as IncomingMessage).headers['clerk-not-executed'] as string | undefined,
    body: Buffer.concat(chunks).toString(),
  };
}

test.each([
  ['upgrade', 'GET'],
  ['connect', 'CONNECT'],
])("a listener of '%s' gets only requests with a valid ticket", async (event, method) => {
  const listener = vi.fn(accept);
  const server = createServer(tlsOptions);
  server.on(event, authenticated(listener).handler);
  const port = await listen(server);
  const headers = { 'clerk-ticket': await ticket() };
  expect(await open(port, method, headers)).toMatchObject({ body: '/shop/web', notExecuted: undefined });
  const refused = [
    await open(port, method, {}),
    await open(port, method, { 'clerk-ticket': 'x' }),
    await open(port, method, headers, systemKeys.create('/shop/web')),
  ];
  for (const answer of refused) {
    expect(answer).toMatchObject({ status: 401, notExecuted: '1' });
    expect(JSON.parse(answer.body).error.code).toBe('TICKET_REFUSED');
  }
  const forbidden = await open(port, method, { 'clerk-ticket': await ticket({ rights: ['read'] }) });
  expect(forbidden).toMatchObject({ status: 403, notExecuted: '1' });
  expect(listener).toHaveBeenCalledTimes(1);
});

test('a client that resets its connection during the check does not end the process', async () => {
  const server = createServer(tlsOptions);
  let errorListeners: (() => number) | undefined;
  const wrapped = authenticated(accept);
  const listener = vi.fn(wrapped.handler);
  server.on('upgrade', (request: IncomingMessage, socket: Duplex, head: Buffer) => {
    errorListeners = () => socket.listenerCount('error');
    const before = errorListeners();
    const checked = listener(request, socket, head);
    expect(errorListeners()).toBe(before + 1);
    socket.destroy(new Error('reset by the client'));
    return checked;
  });
  const port = await listen(server);
  await expect(open(port, 'GET', { 'clerk-ticket': await ticket() })).rejects.toThrow();
  const during = errorListeners?.() ?? 0;
  await listener.mock.results[0]?.value;
  expect(errorListeners?.()).toBe(during - 1);
});

test('a CONNECT request of HTTP/2 gets a response without a valid ticket', async () => {
  const handler = vi.fn((request: object, response: ServerResponse) =>
    response.end(String(callerOfRequest(request)?.principal)),
  );
  const server = createSecureServer(tlsOptions);
  server.on('request', () => undefined);
  server.on('connect', authenticated(handler).handler);
  const send = await http2(await listen(server));
  const connect = { ':method': 'CONNECT', ':authority': 'target:1' };
  expect(await send(connect)).toMatchObject({ status: 401, notExecuted: '1' });
  expect(handler).not.toHaveBeenCalled();
  expect(await send({ ...connect, 'clerk-ticket': await ticket() })).toMatchObject({
    status: 200,
    body: '/shop/web',
  });
});

test("a listener of the event 'stream' gets only streams with a valid ticket", async () => {
  const handler = vi.fn((stream: ServerHttp2Stream) => {
    stream.respond({ ':status': 200 });
    stream.end(String(callerOfRequest(stream)?.principal));
  });
  const server = createSecureServer(tlsOptions);
  server.on('stream', authenticated(handler).handler);
  const send = await http2(await listen(server));
  const get = { ':path': '/' };
  expect(await send(get)).toMatchObject({ status: 401, notExecuted: '1' });
  expect(await send({ ...get, 'clerk-ticket': await ticket({ rights: [] }) })).toMatchObject({ status: 403 });
  expect(handler).not.toHaveBeenCalled();
  const headers = { ...get, 'clerk-ticket': await ticket() };
  for (let i = 0; i < 2; i++) expect(await send(headers)).toMatchObject({ status: 200, body: '/shop/web' });
});

test('the events whose listeners are not wrapped are known', () => {
  const { handler } = authenticated(() => undefined);
  const server = createServer(tlsOptions, handler);
  expect(uncheckedEvents(server)).toEqual([]);
  server.on('upgrade', authenticated(accept).handler);
  expect(uncheckedEvents(server)).toEqual([]);
  server.on('upgrade', accept);
  server.on('connect', accept);
  expect(uncheckedEvents(server)).toEqual(['upgrade', 'connect']);
  const open = createServer(tlsOptions, () => undefined);
  open.on('upgrade', accept);
  expect(uncheckedEvents(open)).toEqual([]);
});

async function http2(port: number): Promise<(headers: Record<string, string>) => Promise<Answer>> {
  const session = connectHttp2(`https://127.0.0.1:${String(port)}`, {
    ...{ ...clientTls, key: web.key, cert: web.cert },
  });
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  await once(session, 'connect');
  return async (headers) => {
    const stream = session.request(headers);
    stream.end();
    const [head] = await once(stream, 'response');
    return {
      status: head[':status'],
      notExecuted: head['clerk-not-executed'],
      body: Buffer.concat(await stream.toArray()).toString(),
    };
  };
}
