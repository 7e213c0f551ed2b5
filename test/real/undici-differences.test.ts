/** What a program of undici expects of a clerk beyond the table of undici's behaviours. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EventEmitter } from 'node:events';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import * as undici from 'undici';
import { expect, onTestFinished, test } from 'vitest';
import { isClerkError, type Outcome } from 'binding-clerk';
import { memoryCluster } from 'binding-clerk/testing';
import { authority } from './certificates.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { testClerk } from './test-clerk.js';
import { undiciServer } from './undici-server.js';
import { webServer } from './web-server.js';

const origin = 'http://orders.shop.clerk';

async function tlsAddress(host = 'localhost'): Promise<{ port: number; ca: string }> {
  const issuer = await authority('test');
  const server = createSecureServer(await issuer.issue(host), (_request, response) => response.end('secure'));
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, ca: issuer.cert };
}

test('https: to a server without TLS says so, without the text of OpenSSL', async () => {
  const { address } = await webServer((_request, response) => void response.end());
  const { orders } = testClerk([address.replace('http:', 'https:')]);
  const error = await clerkErrorOf(orders.json('/'));

  expect(error.message).toContain('does not use TLS; change the scheme of the address to http:');
  expect(JSON.stringify(error)).not.toMatch(/SSL routines|openssl/);
});

test('http: to a server with TLS says so', async () => {
  const { port } = await tlsAddress();
  const { orders } = testClerk([`http://127.0.0.1:${String(port)}`]);
  for (const method of ['GET', 'POST'])
    expect((await clerkErrorOf(orders.json('/', { method }))).message).toContain(
      'requires TLS; change the scheme of the address to https:',
    );
});

test('connect.servername of the undici options applies to an endpoint named by host name', async () => {
  const { port, ca } = await tlsAddress('other.test');
  const address = `https://localhost:${String(port)}`;
  const named = testClerk([address], { tls: { ca }, undici: { connect: { servername: 'other.test' } } });
  expect(await named.orders.text('/')).toBe('secure');
  const unnamed = testClerk([address], { tls: { ca } });
  expect(await clerkErrorOf(unnamed.orders.text('/'))).toMatchObject({ code: 'ENDPOINTS_EXHAUSTED' });
});

test('the body of a Request of Node has its length, and can be sent again', async () => {
  const { address } = await undiciServer();
  const { clerk } = testClerk([address]);
  const form = new FormData();
  form.set('file', new File(['pizza'], 'menu'));
  for (const body of ['text', new Blob(['blob']), form]) {
    const request = new Request(`${origin}/echo`, { method: 'POST', body });
    expect(await (await clerk.fetch(request)).json()).toMatchObject({
      framing: expect.stringMatching(/^[0-9]+$/),
    });
  }
  const flaky = new Request(`${origin}/flaky/again`, { method: 'PUT', body: 'text' });
  expect(await (await clerk.fetch(flaky, { kind: 'idempotent' })).text()).toBe('third time');
});

test('before Node 24, the dispatcher of a Request of Node sends the request; later Nodes hide it', async () => {
  const { address } = await undiciServer();
  const { clerk } = testClerk([address]);
  const hides = Number(process.versions.node.split('.')[0]) >= 24;
  for (const host of [origin, address]) {
    const targets: unknown[] = [];
    const agent = new undici.Agent().compose((dispatch) => (request, handler) => {
      targets.push(request.origin);
      // The agent of a program knows no names.
      return dispatch({ ...request, origin: address }, handler);
    });
    onTestFinished(() => agent.destroy());
    const init = { dispatcher: agent } as unknown as RequestInit;
    const ofRequest = await clerk.fetch(new Request(`${host}/json`, init));
    expect(ofRequest.status).toBe(200);
    expect(targets).toEqual(hides ? [] : [host]);
    // As the documentation says, these work with each Node.
    await clerk.fetch(new Request(`${host}/json`), init);
    const requestOfUndici: unknown = new undici.Request(`${host}/json`, { dispatcher: agent });
    await clerk.fetch(requestOfUndici as Request);
    expect(targets).toEqual(hides ? [host, host] : [host, host, host]);
  }
});

test('a Request whose body arrives over time is sent as a stream', async () => {
  const { address } = await undiciServer();
  const { clerk } = testClerk([address]);
  const body = new ReadableStream({
    async pull(controller) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      controller.enqueue(new TextEncoder().encode('slow'));
      controller.close();
    },
  });
  const request = new Request(`${origin}/echo`, { method: 'POST', body, duplex: 'half' });
  expect(await (await clerk.fetch(request)).json()).toMatchObject({ framing: 'chunked', body: 'slow' });
});

test('two resets in a row with one endpoint: the call backs off and succeeds', async () => {
  const { address } = await undiciServer();
  const { orders } = testClerk([address]);
  expect(await orders.text('/flaky/once')).toBe('third time');
});

test.each([
  ['cannot be read', 'soon', 200, undefined],
  ['ends after the deadline', '60', 503, 60_000],
])('a Retry-After that %s', async (_condition, retryAfter, status, retryAfterMs) => {
  let count = 0;
  const { address } = await webServer((_request, response) => {
    if (count++ > 0) response.end();
    else response.writeHead(503, { 'retry-after': retryAfter }).end();
  });
  const { orders, outcomes } = testClerk([address]);
  const { statusCode, body } = await orders.request({ path: '/' });
  await body.dump();
  expect([statusCode, (outcomes[0] as Outcome).retryAfterMs]).toEqual([status, retryAfterMs]);
});

test('closed and destroyed of the dispatcher; other hosts are refused after close()', async () => {
  const { address } = await undiciServer();
  const { clerk } = testClerk([address]);
  const { dispatcher } = clerk;
  const states = [[dispatcher.closed, dispatcher.destroyed]];
  const closing = clerk.close();
  states.push([dispatcher.closed, dispatcher.destroyed]);
  await closing;
  states.push([dispatcher.closed, dispatcher.destroyed]);
  expect(states).toEqual([
    [false, false],
    [true, false],
    [true, true],
  ]);
  const error: unknown = await undici
    .request(`${address}/json`, { dispatcher })
    .catch((caught: unknown) => caught);
  expect(isClerkError(error) && error.code).toBe('CLERK_CLOSED');
});

test('a plain host gets no dispatcher among the options of its request', async () => {
  const seen: object[] = [];
  const agent = new undici.Agent();
  const recording = agent.compose((dispatch) => (options, handler) => {
    seen.push(options);
    return dispatch(options, handler);
  });
  onTestFinished(() => agent.destroy());
  const { address } = await undiciServer();
  const { clerk } = testClerk([address], { dispatcher: recording });
  await (await undici.request(`${address}/json`, { dispatcher: clerk.dispatcher })).body.dump();
  expect(seen.map((options) => 'dispatcher' in options)).toEqual([false]);
});

test('referrer policy: a strict one sends no Referer by name', async () => {
  const { address } = await webServer((request, response) => response.end(request.headers.referer ?? 'none'));
  const { clerk } = testClerk([address]);
  const refererAt = async (
    url: string,
    referrerPolicy: Required<RequestInit>['referrerPolicy'],
  ): Promise<string> =>
    (await clerk.fetch(url, { referrer: 'http://127.0.0.1:3000/menu', referrerPolicy })).text();
  expect(await refererAt(`${origin}/`, 'strict-origin')).toBe('none');
  expect(await refererAt(`${origin}/`, 'strict-origin-when-cross-origin')).toBe('none');
  expect(await refererAt(`${address}/`, 'strict-origin')).toBe('http://127.0.0.1:3000/');
  expect(await refererAt(`${origin}/`, 'origin')).toBe('http://127.0.0.1:3000/');
});

test('events connect, disconnect and drain: none by name, but diagnostics channels and clerk.on', async () => {
  const { address } = await webServer((_request, response) => void response.end());
  const agent = new undici.Agent();
  onTestFinished(() => agent.destroy());
  const { clerk } = testClerk([address]);
  const eventsOf = (emitter: EventEmitter): readonly string[] => {
    const seen: string[] = [];
    for (const event of ['connect', 'disconnect', 'drain']) emitter.on(event, () => seen.push(event));
    return seen;
  };
  const ofAgent = eventsOf(agent);
  const ofClerk = eventsOf(clerk.dispatcher);
  const connections: string[] = [];
  const onConnected = (message: unknown): void =>
    void connections.push((message as { connectParams: { host: string } }).connectParams.host);
  subscribe('undici:client:connected', onConnected);
  onTestFinished(() => void unsubscribe('undici:client:connected', onConnected));
  const picked: string[] = [];
  clerk.on('picked', ({ name }) => picked.push(name));

  await (await undici.request(address, { dispatcher: agent })).body.dump();
  await (await undici.request(origin, { dispatcher: clerk.dispatcher })).body.dump();
  expect(ofAgent).toContain('connect');
  expect(ofClerk).toEqual([]);
  expect(connections).toEqual([new URL(address).host, 'orders.shop.clerk']);
  expect(picked).toEqual(['/shop/orders']);
});

test('an error after the headers has the outcomes of its call', async () => {
  const { address } = await undiciServer();
  const { clerk } = testClerk([address]);
  const { body } = await clerk.dispatcher.request({ origin, path: '/cut', method: 'GET' });
  expect(await body.text().catch((error: unknown) => error)).toMatchObject({
    code: 'UND_ERR_SOCKET',
    execution: 'done',
    outcomes: [{ stage: 'answered' }],
  });
});

test('QUERY is sent again, and the message of a deadline names what was set', async () => {
  const { address } = await undiciServer();
  const { orders } = testClerk([address]);
  expect(await orders.text({ path: '/flaky/query', method: 'QUERY', body: 'x' })).toBe('third time');
  const error = await clerkErrorOf(orders.json('/hang', { totalTimeoutMs: 150 }));
  expect(error.message).toContain('exceeded its totalTimeoutMs of 150 ms');
});

test.each([[undefined], [{ '/a': 'one' }], [{ '/a': [() => undefined] }], [{ '/a': ['one'] }, null]])(
  'memoryCluster(%j) is refused with the usual error',
  (...args: unknown[]) => {
    expect(() => Reflect.apply(memoryCluster, undefined, args)).toThrow(
      expect.objectContaining({ code: 'CONFIG_INVALID' }),
    );
  },
);
