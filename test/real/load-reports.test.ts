/** Load reports over real sockets: from a service to a clerk, with HTTP/1 and HTTP/2 responses and through the registry. */
import type { RequestListener, Server } from 'node:http';
import {
  connect,
  createSecureServer,
  createServer as createH2Server,
  type ClientHttp2Session,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createClerk, type Binding } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise, type Advertisement, type ServerLike } from 'binding-clerk/service';
import { beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';
import { testClerk } from './test-clerk.js';
import { authority, type Authority, type Certificate } from './certificates.js';
import { spawnProgram } from './spawn-program.js';
import { webServer } from './web-server.js';

const header = 'endpoint-load-metrics';
const reported = 'TEXT application_utilization=0.95';

let ca: Authority;
let identity: Certificate;
beforeAll(async () => {
  ca = await authority('Our own');
  identity = await ca.issue('127.0.0.1', 'localhost');
});

async function registry(): Promise<string> {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  return server.url;
}

/** Advertises a server until the test ends. */
async function advertised(server: ServerLike, url?: string, more: object = {}): Promise<Advertisement> {
  const ad = await advertise({
    name: '/shop/orders',
    address: server,
    registry: url ?? (await registry()),
    drainOnSignal: false,
    ...more,
  });
  onTestFinished(() => ad.close());
  return ad;
}

/** The load header of the next response, on a new connection. */
async function loadHeader(address: string): Promise<string | null> {
  const response = await fetch(address, { headers: { connection: 'close' } });
  await response.text();
  return response.headers.get(header);
}

const utilizations = (orders: Binding): (number | undefined)[] =>
  orders.explain().candidates.map(({ utilization }) => utilization);

describe('a response carries the load', () => {
  const ways: readonly (readonly [string, RequestListener, string])[] = [
    ['of a handler that sets no headers', (_, response) => void response.end('x'), reported],
    [
      'of one that writes its headers itself',
      (_, response) => void response.writeHead(200, { 'x-a': '1' }).end('x'),
      reported,
    ],
    [
      'of one that writes them as a list',
      (_, response) => void response.writeHead(200, 'fine', ['x-a', '1', 'x-a', '2']).end('x'),
      reported,
    ],
    [
      'but not of one that sets its own',
      (_, response) => void response.setHeader(header, 'TEXT cpu_utilization=0.1').end('x'),
      'TEXT cpu_utilization=0.1',
    ],
    [
      'or of one that writes its own',
      (_, response) => void response.writeHead(200, { 'Endpoint-Load-Metrics': 'JSON {}' }).end('x'),
      'JSON {}',
    ],
    [
      'or of one that writes its own in a list',
      (_, response) => void response.writeHead(200, [header, 'JSON {}']).end('x'),
      'JSON {}',
    ],
  ];
  test.each(ways)('%s', async (_what, handler, expected) => {
    const { server, address } = await webServer(handler);
    const ad = await advertised(server, undefined, { measureLoad: false });
    ad.reportLoad({ utilization: 0.95 });
    expect(await loadHeader(address)).toBe(expected);
  });

  test('measured, if the application reports none', async () => {
    const { server, address } = await webServer((_, response) => void response.end('x'));
    await advertised(server);
    await vi.waitFor(
      async () => expect(await loadHeader(address)).toMatch(/^TEXT application_utilization=[0-9.]+/),
      {
        timeout: 5_000,
      },
    );
  });

  test('over HTTP/2, once per interval and connection', async () => {
    const server = createH2Server((_, response) => void response.end('x'));
    const session = await opened(server);
    const ad = await advertised(server, undefined, { measureLoad: false });
    ad.reportLoad({ utilization: 0.95 });
    expect([await answerOf(session), await answerOf(session)]).toEqual([reported, undefined]);
  });

  test('over HTTP/2, with a handler added later', async () => {
    const server = createH2Server();
    const session = await opened(server);
    const ad = await advertised(server, undefined, { measureLoad: false });
    ad.reportLoad({ utilization: 0.95 });
    server.on('request', (_, response) => void response.end('x'));
    expect(await answerOf(session)).toBe(reported);
  });

  test('but not on HTTP/2 streams that the application handles itself', async () => {
    const server = createH2Server();
    const session = await opened(server);
    let streams = 0;
    server.on('stream', (stream) => {
      streams++;
      stream.respond({ ':status': 200 });
      stream.end('x');
    });
    const ad = await advertised(server);
    ad.reportLoad({ utilization: 0.95 });
    expect([await answerOf(session), streams, server.listenerCount('request')]).toEqual([undefined, 1, 0]);
  });
});

describe('a clerk receives the load', () => {
  test('with a response over HTTP/1', async () => {
    const { server, address } = await webServer((_, response) => void response.end('x'));
    const ad = await advertised(server);
    ad.reportLoad({ utilization: 0.4 });
    const { orders } = testClerk([address]);
    await orders.text('/');
    expect(utilizations(orders)).toEqual([0.4]);
  });

  test('with a response over HTTP/2', async () => {
    const server = createSecureServer(identity, (_, response) => {
      response.setHeader(header, 'TEXT application_utilization=0.4');
      response.end('x');
    });
    await listening(server as unknown as Server);
    const { port } = server.address() as AddressInfo;
    const { orders } = testClerk([`https://127.0.0.1:${port}`], {
      tls: { ca: ca.cert },
      undici: { allowH2: true },
    });
    await orders.text('/');
    expect(utilizations(orders)).toEqual([0.4]);
  });

  test.each([
    ['nonsense', 'TEXT application_utilization=1e400, cpu_utilization=-1'],
    ['JSON that is none', 'JSON {"application_utilization":'],
    ['far too much', `TEXT application_utilization=0.4${',named_metrics.a=1'.repeat(500)}`],
    ['bytes that are not text', 'TEXT application_utilization=\u00ff\u00fe'],
  ])('and ignores %s', async (_what, value) => {
    const { address } = await webServer((_, response) => void response.setHeader(header, value).end('x'));
    const { orders } = testClerk([address]);
    expect(await orders.text('/')).toBe('x');
    expect(utilizations(orders)).toEqual([undefined]);
  });

  test('from the registry, for services it has not called', async () => {
    const url = await registry();
    const { server } = await webServer((_, response) => void response.end('x'));
    const ad = await advertised(server, url, { leaseMs: 1_000 });
    ad.reportLoad({ utilization: 0.7, callsPerSecond: 12 });
    await vi.waitFor(
      async () => {
        const { endpoints } = (await (await fetch(`${url}/v1/resolve?name=/shop/orders`)).json()) as {
          endpoints: { load?: object }[];
        };
        expect(endpoints[0]?.load).toMatchObject({ utilization: 0.7, callsPerSecond: 12 });
      },
      { timeout: 10_000 },
    );
    const clerk = createClerk({ registry: url });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders');
    await orders.ready();
    expect(utilizations(orders)).toEqual([0.7]);
  });
});

test('a clerk in a busy process retries no attempt and ejects no endpoint', async () => {
  const ports = await Promise.all(
    ['a', 'b', 'c'].map((name) => spawnProgram('replica.mjs', [name, '0', '100']).waitForLine('port')),
  );
  const { clerk, orders, outcomes } = testClerk(
    ports.map((port) => `http://127.0.0.1:${port}`),
    {},
    { policy: 'round-robin' },
  );
  const events: string[] = [];
  for (const event of ['ejected', 'suspect', 'failover'] as const) clerk.on(event, () => events.push(event));
  // The attempt timeout is a few hundred ms from here on, and the replicas need 100 ms.
  await Promise.all(Array.from({ length: 60 }, () => orders.json('/')));
  const before = outcomes.length;
  for (let round = 0; round < 3; round++) {
    const calls = Array.from({ length: 30 }, () => orders.json('/'));
    // The requests are written, and the responses arrive while the event loop is blocked.
    await new Promise((resolve) => setImmediate(resolve));
    block(2 * orders.explain().attemptTimeoutMs);
    await Promise.all(calls);
  }
  expect(outcomes.slice(before).map(({ attempt, code }) => `${attempt} ${code}`)).toEqual(
    Array(90).fill('1 200'),
  );
  expect(events).toEqual([]);
});

/** Blocks the event loop. */
function block(ms: number): void {
  const until = performance.now() + ms;
  while (performance.now() < until);
}

async function listening(server: Server): Promise<void> {
  await new Promise<void>((resolve) => void server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => void server.close());
}

/** Lets a server listen and opens an unencrypted HTTP/2 session to it. */
async function opened(server: object): Promise<ClientHttp2Session> {
  await listening(server as Server);
  const { port } = (server as Server).address() as AddressInfo;
  const session = connect(`http://127.0.0.1:${port}`);
  onTestFinished(() => session.destroy());
  return session;
}

/** The load header of the next response of a session. */
function answerOf(session: ClientHttp2Session): Promise<string | undefined> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ':path': '/' });
    let value: string | undefined;
    stream.on('response', (headers) => (value = headers[header] as string | undefined));
    stream.on('end', () => resolve(value)).on('error', reject);
    stream.resume().end();
  });
}
