/** Calls that must run at most once, at services that remember them: when the clerk asks again, and what it claims. */
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
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
const answer =
  (status: number, headers: Record<string, string>, body = ''): Step =>
  (_request, response) =>
    void response.writeHead(status, headers).end(body);
const ran = answer(200, {}, 'ran');
const replayed = answer(200, { 'clerk-idempotency': 'replayed' }, 'ran');

/** Goes through its steps, one a request; the last one for all that follow. */
async function scripted(steps: readonly Step[], seen: Seen[] = []): Promise<string> {
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

/** An endpoint that says it remembers calls. */
const remembering = (address: string, scope: string, id = address): EndpointInit => ({
  id,
  address,
  epoch: 7,
  attributes: { 'at-most-once': scope },
});

/** A binding over a registry that answers anew each time. */
function over(endpoints: () => readonly EndpointInit[]) {
  const registry: Registry = { resolve: () => ({ kind: 'bound', endpoints: endpoints(), ttlMs: 60_000 }) };
  const clerk = createClerk({ registry });
  onTestFinished(() => clerk.destroy());
  return { orders: clerk.bind('/shop/orders') };
}

describe('a service that remembers', () => {
  test('is told an id, the same over all attempts, and whom it is meant for', async () => {
    const seen: Seen[] = [];
    const address = await scripted([cut, replayed], seen);
    const { orders, outcomes } = testClerk([remembering(address, 'a', 'a')]);
    expect(await orders.text('/', post)).toBe('ran');
    expect(seen.map(({ instance }) => instance)).toEqual(['a 7', 'a 7']);
    expect(seen[0]?.callId).toMatch(/^[0-9]{13}-[0-9a-f]{32}$/);
    expect(seen[1]?.callId).toBe(seen[0]?.callId);
    expect(outcomes.map(({ stage, pickReason }) => [stage, pickReason])).toEqual([
      ['sent', 'policy'],
      ['answered', 'failover'],
    ]);
  });

  test('is told of the life in which the call may have run, also when another has begun', async () => {
    const seen: Seen[] = [];
    let epoch = 7;
    const address = await scripted(
      [
        (request) => {
          epoch = 8;
          request.socket.destroy();
        },
        answer(421, { 'clerk-idempotency': 'elsewhere', 'clerk-not-executed': '1' }),
      ],
      seen,
    );
    const { orders } = over(() => [{ ...remembering(address, 'a', 'a'), epoch }]);
    expect(await clerkErrorOf(orders.text('/', post))).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      execution: 'unknown',
    });
    expect(seen.map(({ instance }) => instance)).toEqual(['a 7', 'a 7']);
  });

  test('is asked again at whoever shares its memory, and nobody else', async () => {
    const first = await scripted([cut]);
    const strangers: Seen[] = [];
    const stranger = await scripted([ran], strangers);
    const shared = await scripted([replayed]);
    const { orders } = testClerk([
      remembering(first, 'orders-db', 'a'),
      { id: 'x', address: stranger },
      remembering(shared, 'orders-db', 'b'),
    ]);
    const { endpoint, body } = await orders.request({ path: '/', ...post });
    expect([endpoint.id, await body.text()]).toEqual(['b', 'ran']);
    expect(strangers).toEqual([]);
  });

  test('that runs it still is asked later', async () => {
    const seen: Seen[] = [];
    const address = await scripted(
      [cut, answer(409, { 'clerk-idempotency': 'running', 'retry-after': '0' }), replayed],
      seen,
    );
    const { orders } = testClerk([remembering(address, 'a')]);
    expect(await orders.text('/', post)).toBe('ran');
    expect(new Set(seen.map(({ callId }) => callId)).size).toBe(1);
    expect(seen).toHaveLength(3);
  });

  test.each([
    ['nobody knows how it ended', answer(409, { 'clerk-idempotency': 'unknown' })],
    [
      'it is another instance now',
      answer(421, { 'clerk-idempotency': 'elsewhere', 'clerk-not-executed': '1' }),
    ],
    ['it has forgotten', answer(410, { 'clerk-idempotency': 'expired', 'clerk-not-executed': '1' })],
  ])('says %s: the outcome is unknown', async (_what, step) => {
    const { orders } = testClerk([remembering(await scripted([cut, step]), 'a')]);
    await expect(orders.text('/', post)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      execution: 'unknown',
    });
  });

  test('is not asked twice with a body that can be read once', async () => {
    const seen: Seen[] = [];
    const { orders } = testClerk([remembering(await scripted([cut, replayed], seen), 'a')]);
    const body = (async function* () {
      await Promise.resolve();
      yield 'order';
    })();
    await expect(orders.text('/', { ...post, body })).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(seen).toHaveLength(1);
  });

  test('is told nothing of calls that may run twice', async () => {
    const seen: Seen[] = [];
    const { orders } = testClerk([remembering(await scripted([ran], seen), 'a')]);
    await orders.text('/');
    await orders.text('/', { method: 'PUT', kind: 'idempotent' });
    expect(seen.map(({ callId }) => callId)).toEqual([undefined, undefined]);
  });
});

test('a service that does not remember is told no id, and not asked again', async () => {
  const seen: Seen[] = [];
  const { orders } = testClerk([await scripted([cut, ran], seen)]);
  await expect(orders.text('/', post)).rejects.toMatchObject({ code: 'OUTCOME_UNKNOWN' });
  expect(seen).toEqual([{ callId: undefined, instance: undefined }]);
});

describe('"not executed"', () => {
  const refused = answer(503, { 'clerk-not-executed': '1' }, 'busy');

  test('moves a call on that must run at most once', async () => {
    const busy = await scripted([refused]);
    const free = await scripted([ran]);
    const { orders, outcomes } = testClerk([busy, free]);
    expect(await orders.text('/', post)).toBe('ran');
    expect(outcomes.map(({ stage }) => stage)).toEqual(['waiting', 'answered']);
  });

  test('is the answer where nobody does better', async () => {
    const { orders } = testClerk([await scripted([refused])]);
    const { statusCode, body } = await orders.request({ path: '/', ...post });
    expect([statusCode, await body.text()]).toEqual([503, 'busy']);
  });

  test('is no word on the attempt after it', async () => {
    const busy = await scripted([refused]);
    const broken = await scripted([cut]);
    const { orders } = testClerk([busy, broken]);
    await expect(orders.text('/', post)).rejects.toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      execution: 'unknown',
    });
  });

  test('is needed: a bare 503 is the answer', async () => {
    const busy = await scripted([answer(503, {}, 'busy')]);
    const others: Seen[] = [];
    const free = await scripted([ran], others);
    const { orders } = testClerk([busy, free]);
    expect((await orders.request({ path: '/', ...post })).statusCode).toBe(503);
    expect(others).toEqual([]);
  });
});

describe('the library on both sides', () => {
  test.each([1, 2])(
    'an answer that got lost is given again, with %d servers over one memory',
    async (servers) => {
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
            runs++;
            request.resume().on('end', () => response.end(`order ${runs}`));
          },
          { store },
        );
        const server = createServer((request, response) => {
          // The first answer never arrives, though it was made.
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
    },
  );
});
