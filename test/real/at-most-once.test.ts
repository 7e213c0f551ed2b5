/** 'once' calls to services with an idempotency store: when the clerk retries, and which execution it reports. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { text } from 'node:stream/consumers';
import { createClerk, type EndpointInit } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { startServer } from 'binding-clerk/server';
import { advertise, atMostOnce, memoryCalls, type IdempotencyStore } from 'binding-clerk/service';
import { describe, expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { webServer } from './web-server.js';

interface Seen {
  readonly callId: string | undefined;
  readonly instance: string | undefined;
}

type Step = (request: IncomingMessage, response: ServerResponse) => void;

const cut: Step = (request) => void request.socket.destroy();
const respond =
  (status: number, headers: Record<string, string>, body = ''): Step =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
const ran = respond(200, {}, 'ran');
const replayed = respond(200, { 'clerk-idempotency': 'replayed' }, 'ran');

/** A server that handles each request with the next step; the last step handles all further requests. */
async function scriptedServer(steps: readonly Step[], seen: Seen[] = []): Promise<string> {
  let next = 0;
  const handle: RequestListener = (request, response) => {
    seen.push({
      callId: request.headers['clerk-call-id'] as string | undefined,
      instance: request.headers['clerk-instance'] as string | undefined,
    });
    request.resume().on('end', () => (steps[Math.min(next++, steps.length - 1)] as Step)(request, response));
  };
  return (await webServer(handle)).address;
}

const post = { method: 'POST', body: 'order', timeoutMs: 5_000 };

/** An endpoint that advertises an idempotency store. */
const withStore = (address: string, scope: string, id = address): EndpointInit => ({
  id,
  address,
  epoch: 7,
  attributes: { 'at-most-once': scope },
});

/** A binding over a registry that returns the current endpoints with every lookup. */
function bindingOver(endpoints: () => readonly EndpointInit[]) {
  const registry: Registry = { resolve: () => ({ kind: 'bound', endpoints: endpoints(), ttlMs: 60_000 }) };
  const clerk = createClerk({ registry });
  onTestFinished(() => clerk.destroy());
  return { orders: clerk.bind('/shop/orders') };
}

describe('a service with an idempotency store', () => {
  test('gets one call id over all attempts, and the instance it is meant for', async () => {
    const seen: Seen[] = [];
    const address = await scriptedServer([cut, replayed], seen);
    const { orders, outcomes } = testClerk([withStore(address, 'a', 'a')]);
    expect(await orders.text('/', post)).toBe('ran');
    expect(seen.map(({ instance }) => instance)).toEqual(['a 7', 'a 7']);
    expect(seen[0]?.callId).toMatch(/^[0-9]{13}-[0-9a-f]{32}$/);
    expect(seen[1]?.callId).toBe(seen[0]?.callId);
    expect(outcomes.map(({ stage, pickReason }) => [stage, pickReason])).toEqual([
      ['sent', 'policy'],
      ['answered', 'failover'],
    ]);
  });

  test('gets the epoch in which the call may have run, even after a restart', async () => {
    const seen: Seen[] = [];
    let epoch = 7;
    const address = await scriptedServer(
      [
        (request) => {
          epoch = 8;
          request.socket.destroy();
        },
        respond(421, { 'clerk-idempotency': 'elsewhere', 'clerk-not-executed': '1' }),
      ],
      seen,
    );
    const { orders } = bindingOver(() => [{ ...withStore(address, 'a', 'a'), epoch }]);
    expect(await clerkErrorOf(orders.text('/', post))).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      execution: 'unknown',
    });
    expect(seen.map(({ instance }) => instance)).toEqual(['a 7', 'a 7']);
  });

  test('is retried only at endpoints that share the store', async () => {
    const first = await scriptedServer([cut]);
    const otherRequests: Seen[] = [];
    const otherServer = await scriptedServer([ran], otherRequests);
    const shared = await scriptedServer([replayed]);
    const { orders } = testClerk([
      withStore(first, 'orders-db', 'a'),
      { id: 'x', address: otherServer },
      withStore(shared, 'orders-db', 'b'),
    ]);
    const { endpoint, body } = await orders.request({ path: '/', ...post });
    expect([endpoint.id, await body.text()]).toEqual(['b', 'ran']);
    expect(otherRequests).toEqual([]);
  });

  test('is polled later while the call still runs', async () => {
    const seen: Seen[] = [];
    const address = await scriptedServer(
      [cut, respond(409, { 'clerk-idempotency': 'running', 'retry-after': '0' }), replayed],
      seen,
    );
    const { orders } = testClerk([withStore(address, 'a')]);
    expect(await orders.text('/', post)).toBe('ran');
    expect(new Set(seen.map(({ callId }) => callId)).size).toBe(1);
    expect(seen).toHaveLength(3);
  });

  test.each([
    ['an unknown outcome', respond(409, { 'clerk-idempotency': 'unknown' })],
    [
      'it is a different instance',
      respond(421, { 'clerk-idempotency': 'elsewhere', 'clerk-not-executed': '1' }),
    ],
    ['it has forgotten', respond(410, { 'clerk-idempotency': 'expired', 'clerk-not-executed': '1' })],
  ])('reports %s: the outcome is unknown', async (_what, step) => {
    const seen: Seen[] = [];
    const address = await scriptedServer([cut, step, ran], seen);
    const { orders } = testClerk(['a', 'b', 'c'].map((id) => withStore(address, 'shared', id)));
    await expect(orders.text('/', post)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      execution: 'unknown',
    });
    // The rejection of the retry says nothing about the first attempt, so a further retry would bring no news.
    expect(seen).toHaveLength(2);
  });

  test('gets no retry with a body that can be read once', async () => {
    const seen: Seen[] = [];
    const { orders } = testClerk([withStore(await scriptedServer([cut, replayed], seen), 'a')]);
    const body = (async function* () {
      await Promise.resolve();
      yield 'order';
    })();
    await expect(orders.text('/', { ...post, body })).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(seen).toHaveLength(1);
  });

  test('gets no call id for calls that may run twice', async () => {
    const seen: Seen[] = [];
    const { orders } = testClerk([withStore(await scriptedServer([ran], seen), 'a')]);
    await orders.text('/');
    await orders.text('/', { method: 'PUT', kind: 'idempotent' });
    expect(seen.map(({ callId }) => callId)).toEqual([undefined, undefined]);
  });
});

test('a service without a store gets no call id and no retry', async () => {
  const seen: Seen[] = [];
  const { orders } = testClerk([await scriptedServer([cut, ran], seen)]);
  await expect(orders.text('/', post)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  expect(seen).toEqual([{ callId: undefined, instance: undefined }]);
});

describe('clerk-not-executed', () => {
  const refused = respond(503, { 'clerk-not-executed': '1' }, 'busy');

  test('lets a once call fail over', async () => {
    const busy = await scriptedServer([refused]);
    const free = await scriptedServer([ran]);
    const { orders, outcomes } = testClerk([busy, free]);
    expect(await orders.text('/', post)).toBe('ran');
    expect(outcomes.map(({ stage }) => stage)).toEqual(['waiting', 'answered']);
  });

  test.each(['one pizza', new TextEncoder().encode('one pizza'), new URLSearchParams({ pizza: 'one' })])(
    'lets a POST of clerk.fetch() without options fail over with its body: %s',
    async (body) => {
      const busy = await scriptedServer([refused]);
      const received: string[] = [];
      const free = await webServer((request, response) => {
        void text(request).then((sent) => {
          received.push(sent);
          response.end('ran');
        });
      });
      const { clerk } = testClerk([{ address: busy }, { address: free.address, weight: 0 }]);
      const response = await clerk.fetch('http://orders.shop.clerk/', { method: 'POST', body });
      expect(await response.text()).toBe('ran');
      expect(received).toEqual([body instanceof Uint8Array ? 'one pizza' : String(body)]);
    },
  );

  test('is delivered if no other endpoint does better', async () => {
    const { orders } = testClerk([await scriptedServer([refused])]);
    const { statusCode, body } = await orders.request({ path: '/', ...post });
    expect([statusCode, await body.text()]).toEqual([503, 'busy']);
  });

  test('says nothing about the attempt after it', async () => {
    const busy = await scriptedServer([refused]);
    const broken = await scriptedServer([cut]);
    const { orders } = testClerk([busy, broken]);
    await expect(orders.text('/', post)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      execution: 'unknown',
    });
  });

  test('is required: a plain 503 is delivered', async () => {
    const busy = await scriptedServer([respond(503, {}, 'busy')]);
    const others: Seen[] = [];
    const free = await scriptedServer([ran], others);
    const { orders } = testClerk([busy, free]);
    expect((await orders.request({ path: '/', ...post })).statusCode).toBe(503);
    expect(others).toEqual([]);
  });
});

describe('atMostOnce in the service', () => {
  test.each([1, 2])('a lost response is replayed, with %d servers sharing one store', async (servers) => {
    const registry = await startServer({ port: 0 });
    onTestFinished(() => registry.close());
    let runs = 0;
    let losses = 0;
    const memory = memoryCalls();
    const store: IdempotencyStore = {
      isDurable: true,
      scope: 'orders',
      begin: (call) => memory.begin(call),
      end: (id, how) => memory.end(id, how),
      withdraw: (id) => memory.withdraw(id),
      expire: (bornBefore) => memory.expire(bornBefore),
    };
    for (let i = 0; i < servers; i++) {
      const handler = atMostOnce(
        (request: IncomingMessage, response: ServerResponse) => {
          // Probes are not calls.
          if (request.method === 'POST') runs++;
          request.resume().on('end', () => response.end(`order ${runs}`));
        },
        { store },
      );
      const server = createServer((request, response) => {
        // The first response is lost after the handler ran.
        if (losses++ === 0) response.end = (() => request.socket.destroy()) as never;
        handler(request, response);
      }).listen(0, '127.0.0.1');
      const ad = await advertise({
        name: '/shop/orders',
        address: server,
        registry: registry.url,
        atMostOnce: handler,
        drainOnSignal: false,
      });
      onTestFinished(async () => {
        await ad.close();
        server.closeAllConnections();
        server.close();
      });
    }
    const clerk = createClerk({ registry: registry.url });
    onTestFinished(() => clerk.destroy());
    const reply = await clerk.bind('/shop/orders').request({ path: '/', ...post });
    expect(await reply.body.text()).toBe('order 1');
    expect(reply.headers['clerk-idempotency']).toBe('replayed');
    expect([runs, reply.attempts]).toEqual([1, 2]);
  });
});
