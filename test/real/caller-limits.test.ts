/** Limits, aborts and uploads of the caller end its call, and never count against the endpoint. */
import { createSecureServer, type Http2Session } from 'node:http2';
import type { RequestListener } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { PassThrough } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'undici';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { ClerkOptions } from 'binding-clerk';
import { authority } from './certificates.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

const serve: RequestListener = (request, response) => {
  if (request.url === '/never') return;
  if (request.url === '/quiet')
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n');
  else if (request.url === '/large') response.end('a'.repeat(10_000));
  else request.resume().on('end', () => response.end('{}'));
};

/** Two endpoints, a clerk, and what the clerk reported about the endpoints. */
async function setUp(options: Omit<ClerkOptions, 'registry'> = {}) {
  const servers = [await webServer(serve), await webServer(serve)];
  const caller = testClerk(
    servers.map(({ address }) => address),
    options,
    { attemptTimeoutMs: 5_000 },
  );
  const trouble: string[] = [];
  caller.clerk.on('ejected', ({ reason }) => trouble.push(`ejected: ${reason}`));
  caller.clerk.on('suspect', ({ reason }) => trouble.push(`suspect: ${reason}`));
  return { ...caller, trouble, requests: () => servers.flatMap(({ requests }) => requests) };
}

test('headersTimeout of undici: one error, no retry, the endpoint stays', async () => {
  const { orders, trouble, requests } = await setUp({ undici: { headersTimeout: 50 } });
  for (const method of ['GET', 'POST'])
    expect(await clerkErrorOf(orders.json('/never', { method }))).toMatchObject({
      code: 'DEADLINE_EXCEEDED',
      execution: 'unknown',
      cause: { code: 'UND_ERR_HEADERS_TIMEOUT' },
    });
  expect(requests()).toEqual(['GET /never', 'POST /never']);
  expect(trouble).toEqual([]);
});

test('an event stream that is quiet for longer than bodyTimeout ends, and the endpoint stays', async () => {
  const { orders, trouble } = await setUp({ undici: { bodyTimeout: 50 } });
  const { body } = await orders.request({ path: '/quiet' });
  const [error] = (await once(
    body.on('data', () => undefined),
    'error',
  ).catch((reason: unknown) => [reason])) as [unknown];
  expect(error).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    execution: 'done',
    cause: { code: 'UND_ERR_BODY_TIMEOUT' },
  });
  expect(trouble).toEqual([]);
});

test('maxResponseSize of undici: one error, no retry, the endpoint stays', async () => {
  const { orders, trouble, requests } = await setUp({ undici: { maxResponseSize: 100 } });
  expect(await clerkErrorOf(orders.text('/large'))).toMatchObject({
    code: 'BODY_TOO_LARGE',
    execution: 'done',
  });
  expect(requests()).toEqual(['GET /large']);
  expect(trouble).toEqual([]);
});

test('a signal that aborts: one error, no retry, the endpoint stays', async () => {
  const { orders, trouble, requests } = await setUp();
  for (let i = 0; i < 5; i++) {
    const error = await clerkErrorOf(orders.json('/never', { signal: AbortSignal.timeout(20) }));
    expect(error).toMatchObject({ code: 'ABORTED', execution: 'unknown' });
  }
  expect(new Set(requests())).toEqual(new Set(['GET /never']));
  await expect.poll(() => requests().length).toBe(5);
  expect(trouble).toEqual([]);
});

/** An HTTP/2 server that ends each request, or resets it when its path says so. */
async function h2Server() {
  const ca = await authority('test');
  const server = createSecureServer(await ca.issue('localhost'));
  const sessions = new Set<Http2Session>();
  server.on('session', (session) => {
    sessions.add(session);
    session.on('close', () => sessions.delete(session));
  });
  server.on('stream', (stream, { ':path': path }) => {
    stream.on('error', () => undefined);
    stream.resume().on('end', () => {
      if (stream.destroyed) return;
      stream.respond({ ':status': 200 });
      stream.end('{}');
    });
    if (path === '/upload') onUpload();
    if (path === '/cut') stream.once('data', () => stream.session?.destroy());
  });
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return { ca: ca.cert, address: `https://localhost:${String((server.address() as AddressInfo).port)}` };
}

/** Called when a request to `/upload` has arrived. */
let onUpload = (): void => undefined;

/** A stream that has one chunk and does not end, and the events that it hears. */
function upload() {
  const events: string[] = [];
  const body = new PassThrough();
  body.write('hello');
  body.on('error', () => events.push('error')).on('close', () => events.push('close'));
  return { body, events };
}

/** How a program ends its own upload. */
const endings: Readonly<Record<string, (body: PassThrough, controller: AbortController) => unknown>> = {
  'destroy() without an error': (body) => body.destroy(),
  'destroy() with an error': (body) => body.destroy(new Error('The source has failed')),
  'an abort': (_body, controller) => controller.abort(),
};

describe.each(['HTTP/1.1', 'HTTP/2'])('an upload over %s', (version) => {
  async function pair() {
    const { ca, address } =
      version === 'HTTP/2'
        ? await h2Server()
        : { ca: undefined, address: (await webServer(cutting)).address };
    const allowH2 = version === 'HTTP/2';
    const client = new Client(address, { allowH2, connect: ca === undefined ? {} : { ca } });
    onTestFinished(() => client.destroy());
    const { clerk, orders } = testClerk([address], {
      undici: { allowH2 },
      ...(ca === undefined ? {} : { tls: { ca } }),
    });
    const trouble: string[] = [];
    clerk.on('suspect', ({ reason }) => trouble.push(reason));
    await orders.text('/');
    return { client, orders, trouble };
  }

  test.each(Object.keys(endings))(
    'ended by the program with %s: as with undici, the endpoint stays',
    async (how) => {
      const { client, orders, trouble } = await pair();
      const heard: string[][] = [];
      for (const caller of ['undici', 'clerk'] as const) {
        const { body, events } = upload();
        const controller = new AbortController();
        const arrived = new Promise<void>((resolve) => (onUpload = resolve));
        const request = { path: '/upload', method: 'POST', body, signal: controller.signal } as const;
        const call: Promise<unknown> =
          caller === 'undici' ? client.request(request) : orders.request(request);
        const result = call.then(
          () => undefined,
          (error: unknown) => error,
        );
        await arrived;
        endings[how]?.(body, controller);
        const error = await result;
        expect(error).toBeInstanceOf(Error);
        if (caller === 'clerk') expect(error).toMatchObject({ code: 'ABORTED', execution: 'unknown' });
        await sleep(20);
        heard.push(events);
      }
      expect(heard[1]).toEqual(heard[0]);
      expect(trouble).toEqual([]);
      expect(await orders.text('/')).toBe('{}');
    },
  );

  test('cut by the server: the stream hears what it hears with undici', async () => {
    const { client, orders } = await pair();
    const heard: string[][] = [];
    for (const send of [client.request.bind(client), orders.request.bind(orders), orders.json.bind(orders)]) {
      const { body, events } = upload();
      await (send as typeof orders.request)({ path: '/cut', method: 'POST', body }).then(
        () => expect.unreachable(),
        () => undefined,
      );
      await sleep(20);
      heard.push(events);
    }
    expect(heard).toEqual([
      ['error', 'close'],
      ['error', 'close'],
      ['error', 'close'],
    ]);
  });
});

const cutting: RequestListener = (request, response) => {
  if (request.url === '/upload') onUpload();
  if (request.url === '/cut') request.once('data', () => request.socket.destroy());
  else request.resume().on('end', () => response.end('{}'));
};
