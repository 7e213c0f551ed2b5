/** The headers of a call and what an advertised service does with them, over real sockets and along a chain of three services. */
import {
  createServer,
  request as httpRequest,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server,
} from 'node:http';
import { once } from 'node:events';
import { connect as dial } from 'node:net';
import { connect, createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createClerk, isClerkError, type Clerk } from 'binding-clerk';
import { startServer } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

async function registry(): Promise<string> {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  return server.url;
}

/** An advertised service that ends with the test. */
async function service(name: string, url: string, handler: RequestListener): Promise<Server> {
  const server = createServer(handler).listen(0, '127.0.0.1');
  const ad = await advertise({ name, address: server, registry: url, drainOnSignal: false });
  onTestFinished(async () => {
    await ad.close();
    server.closeAllConnections();
    server.close();
  });
  return server;
}

function clerkAt(url: string): Clerk {
  const clerk = createClerk({ registry: url });
  onTestFinished(() => clerk.destroy());
  return clerk;
}

function get(
  server: Server,
  headers: Record<string, string>,
  method = 'GET',
): Promise<{ status: number; headers: IncomingHttpHeaders; body: string }> {
  const { port } = server.address() as AddressInfo;
  return new Promise((resolve, reject) => {
    httpRequest({ port, host: '127.0.0.1', headers, method, path: '/' }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (piece: string) => (body += piece));
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body }),
      );
    })
      .on('error', reject)
      .end();
  });
}

describe('the headers of a call', () => {
  const seen: IncomingHttpHeaders[] = [];
  const note: RequestListener = (request, response) => {
    seen.push(request.headers);
    response.end('{}');
  };

  test('are empty without a timeout of the application and on the first attempt', async () => {
    seen.length = 0;
    const { address } = await webServer(note);
    await testClerk([address]).orders.json('/');
    expect(Object.keys(seen[0] ?? {}).filter((name) => name.startsWith('clerk-'))).toEqual([]);
  });

  test('contain the time left, if the application set a timeout', async () => {
    seen.length = 0;
    const { address } = await webServer(note);
    const { orders, clerk } = testClerk([address], {}, { timeoutMs: 3_000 });
    await orders.json('/');
    await orders.json('/', { timeoutMs: 700, headers: { 'x-mine': '1' } });
    await clerk.fetch('http://orders.shop.clerk/', { timeoutMs: 800 });
    const left = seen.map((headers) => Number(headers['clerk-timeout-ms']));
    for (const [i, most] of [3_000, 700, 800].entries()) {
      expect(left[i]).toBeGreaterThan(most - 500);
      expect(left[i]).toBeLessThanOrEqual(most);
    }
    expect(seen[1]?.['x-mine']).toBe('1');
  });

  test.each([
    ['a record of headers', { 'x-mine': '1' }],
    ['a list of headers', ['x-mine', '1']],
  ])('contain the time left after waiting for a connection, with %s', async (_what, headers) => {
    seen.length = 0;
    const { address } = await webServer((request, response) => {
      seen.push(request.headers);
      void setTimeout(400).then(() => response.end('{}'));
    });
    const { orders } = testClerk([address], { connections: 1 }, { timeoutMs: 5_000 });
    await Promise.all([orders.json('/1', { headers }), orders.json('/2', { headers })]);
    const [first, second] = seen.map((headers) => Number(headers['clerk-timeout-ms'])) as [number, number];
    // The second call waits 400 ms for the connection. Half of that is left for a loaded machine.
    expect(first - second).toBeGreaterThan(200);
    expect(seen.map((headers) => headers['x-mine'])).toEqual(['1', '1']);
  });

  test.each([
    ['a record', { 'clerk-timeout-ms': '60000', 'Clerk-Attempt-Count': '9', 'x-mine': '1' }],
    ['a list', ['Clerk-Timeout-Ms', '60000', 'clerk-attempt-count', '9', 'x-mine', '1']],
  ])('replace those that a gateway copies from the request it serves, as %s', async (_what, headers) => {
    seen.length = 0;
    const broken = await webServer((request, response) => {
      seen.push(request.headers);
      response.writeHead(503).end();
    });
    const { address } = await webServer(note);
    await testClerk([broken.address, address]).orders.json('/', { timeoutMs: 5_000, headers });
    const lefts = seen.map((received) => Number(received['clerk-timeout-ms']));
    expect(lefts[0]).toBeLessThanOrEqual(5_000);
    expect(lefts[1]).toBeLessThanOrEqual(lefts[0] as number);
    expect(seen[1]?.['clerk-attempt-count']).toBe('2');
    expect(seen.map((received) => received['x-mine'])).toEqual(['1', '1']);
  });

  test('contain the attempt number from the second attempt on', async () => {
    seen.length = 0;
    const broken = await webServer((_request, response) => void response.writeHead(503).end());
    const { address } = await webServer(note);
    await testClerk([broken.address, address]).orders.json('/');
    expect(seen[0]?.['clerk-attempt-count']).toBe('2');
  });
});

describe('an advertised service', () => {
  test('rejects requests whose deadline has passed, without running them', async () => {
    let runs = 0;
    const server = await service('/shop/orders', await registry(), (_request, response) => {
      runs++;
      const until = performance.now() + 60;
      // Blocks the event loop: other requests wait in their sockets.
      while (performance.now() < until);
      response.end('ran');
    });
    // All five requests arrive before the first one runs.
    const { port } = server.address() as AddressInfo;
    const sockets = await Promise.all(
      Array.from({ length: 5 }, async () => {
        const socket = dial(port, '127.0.0.1');
        await once(socket, 'connect');
        return socket;
      }),
    );
    await setTimeout(50);
    const responses = await Promise.all(
      sockets.map(async (socket) => {
        socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\nclerk-timeout-ms: 40\r\n\r\n');
        return (await socket.setEncoding('utf8').toArray()).join('');
      }),
    );
    const rejected = responses.filter((response) => response.startsWith('HTTP/1.1 504'));
    expect(rejected).toHaveLength(4);
    expect(runs).toBe(1);
    for (const response of rejected) {
      expect(response).toMatch(/clerk-not-executed: 1/i);
      expect(response).toContain('DEADLINE_EXCEEDED');
    }
  });

  test.each(['0', '-1', 'soon', '1e3', '99999999999', ''])(
    'ignores a clerk-timeout-ms of %j',
    async (text) => {
      const server = await service('/shop/orders', await registry(), (_request, response) =>
        response.end('ran'),
      );
      const { status, body } = await get(server, { 'clerk-timeout-ms': text, 'clerk-attempt-count': text });
      expect([status, body]).toEqual([200, 'ran']);
    },
  );

  test('handles HTTP/2 streams and requests once each', async () => {
    const url = await registry();
    const server = createHttp2Server((_request, response) => {
      void clerk
        .bind('/shop/none', { timeoutMs: 9_000 })
        .json('/')
        .catch((error: unknown) => response.end(isClerkError(error) ? error.code : 'other'));
    }).listen(0, '127.0.0.1');
    const clerk = clerkAt(url);
    const ad = await advertise({
      name: '/shop/orders',
      address: server,
      registry: url,
      drainOnSignal: false,
    });
    const session = connect(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    onTestFinished(async () => {
      session.destroy();
      await ad.close();
      server.close();
    });
    const stream = session.request({ ':path': '/', 'clerk-timeout-ms': '5000' });
    let body = '';
    stream.setEncoding('utf8').on('data', (piece: string) => (body += piece));
    await new Promise((resolve) => stream.on('end', resolve));
    expect(body).toBe('NAME_NOT_FOUND');
  });
});

describe('a chain of services', () => {
  test('caps every call to the deadline of the request being served', async () => {
    const url = await registry();
    const lefts: number[] = [];
    await service('/shop/bottom', url, (request, response) => {
      lefts.push(Number(request.headers['clerk-timeout-ms']));
      response.end('{}');
    });
    const inner = clerkAt(url);
    await service('/shop/top', url, (_request, response) => {
      void inner
        .bind('/shop/bottom')
        .text('/')
        .then((text) => response.end(text));
    });
    await clerkAt(url).bind('/shop/top', { timeoutMs: 900 }).text('/');
    expect(lefts).toHaveLength(1);
    expect(lefts[0]).toBeLessThanOrEqual(900);
    expect(lefts[0]).toBeGreaterThan(0);
  });

  test('does not cap calls made after the response', async () => {
    const url = await registry();
    let after: Promise<unknown> | undefined;
    await service('/shop/bottom', url, (_request, response) => response.end('"done"'));
    const inner = clerkAt(url);
    await service('/shop/top', url, (_request, response) => {
      response.end('{}');
      after = setTimeout(600).then(() => inner.bind('/shop/bottom').json('/'));
    });
    await clerkAt(url).bind('/shop/top', { timeoutMs: 500 }).text('/');
    expect(await after).toBe('done');
  });

  test('retries in one layer only: a retry causes no retries below it', async () => {
    const url = await registry();
    let bottom = 0;
    for (let i = 0; i < 3; i++)
      await service('/shop/bottom', url, (_request, response) => {
        bottom++;
        response.writeHead(503).end();
      });
    const inner = clerkAt(url);
    const codes: string[] = [];
    for (let i = 0; i < 3; i++)
      await service('/shop/top', url, (_request, response) => {
        inner
          .bind('/shop/bottom')
          .text('/')
          .then(
            (text) => response.end(text),
            (error: unknown) => {
              codes.push(isClerkError(error) ? error.code : 'other');
              response.writeHead(503).end();
            },
          );
      });
    const outer = clerkAt(url).bind('/shop/top');
    await outer.ready();
    await expect(outer.text('/')).rejects.toMatchObject({ statusCode: 503 });
    // Three attempts at the top; the first one makes three attempts below, its retries one each.
    expect(bottom).toBe(3 + 1 + 1);
    expect(codes).toEqual(['BAD_STATUS', 'BAD_STATUS', 'BAD_STATUS']);
  });

  test.each([10, 0])(
    'a cycle of calls ends by the deadline of the first one: %d ms of work each',
    async (workMs) => {
      const url = await registry();
      const inner = clerkAt(url);
      let runs = 0;
      const next = (name: string): RequestListener => {
        return (request, response) => {
          if (request.method === 'OPTIONS') return void response.end();
          runs++;
          void (workMs > 0 ? setTimeout(workMs) : Promise.resolve())
            .then(() => inner.bind(name).text('/', { kind: 'idempotent', method: 'PUT' }))
            .then(
              (text) => response.end(text),
              () => response.writeHead(503).end(),
            );
        };
      };
      await service('/shop/a', url, next('/shop/b'));
      await service('/shop/b', url, next('/shop/a'));
      const outer = clerkAt(url).bind('/shop/a', { timeoutMs: 700 });
      await outer.ready();
      const call = outer.text('/', { kind: 'idempotent', method: 'PUT' });
      await expect(call).rejects.toMatchObject({ name: 'ClerkError' });
      // Each hop subtracts at least 1 ms of the 700, plus its latency: the cycle ends soon after.
      let before: number;
      do {
        before = runs;
        await setTimeout(300);
      } while (runs > before && runs < 2_000);
      expect(runs).toBeGreaterThan(2);
      expect(runs).toBeLessThan(700);
    },
  );
});
