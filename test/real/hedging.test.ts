/** Hedging over real sockets: which attempt wins, what it costs, and what happens to the other one. */
import type { RequestListener } from 'node:http';
import { setTimeout } from 'node:timers/promises';
import { firstToRespond, roundRobin, type BindOptions } from 'binding-clerk';
import { describe, expect, test } from 'vitest';
import { testClerk, type TestClerk } from './test-clerk.js';
import { webServer, type WebServer } from './web-server.js';

interface Peer extends WebServer {
  /** Number of requests whose connection closed before the response. */
  cut(): number;
}

/** A server that responds with `text` after `ms`, never if that is Infinity. */
async function peer(says: string, ms: number, status = 200): Promise<Peer> {
  let cut = 0;
  const respond: RequestListener = (request, response) => {
    request.resume();
    response.on('close', () => (cut += response.writableEnded ? 0 : 1));
    if (ms === Infinity) return;
    const end = (): void => void response.writeHead(status).end(says);
    if (ms === 0) end();
    else void setTimeout(ms).then(end);
  };
  return Object.assign(await webServer(respond), { cut: () => cut });
}

/** A hedged binding that picks the endpoints in the order given. */
function hedged(peers: readonly Peer[], bind: BindOptions): TestClerk {
  return testClerk(
    peers.map(({ address }) => address),
    {},
    bind,
  );
}

const at = (ms: number): BindOptions => ({ hedge: { afterMs: ms, budgetRatio: 1 } });

describe('a second attempt is sent', () => {
  test('when the first is slow, and its response wins', async () => {
    const slow = await peer('slow', 600);
    const fast = await peer('fast', 0);
    const { orders, outcomes } = hedged([slow, fast], at(30));
    const { body, endpoint, attempts } = await orders.request({ path: '/' });
    expect(await body.text()).toBe('fast');
    expect([endpoint.address, attempts]).toEqual([fast.address, 2]);
    expect(outcomes.map(({ code, pickReason, verdict }) => [code, pickReason, verdict])).toEqual([
      ['SUPERSEDED', 'policy', 'ignored'],
      ['200', 'hedge', 'success'],
    ]);
    await expect.poll(() => slow.cut()).toBe(1);
  });

  test('and the first may still win', async () => {
    const never = await peer('never', Infinity);
    const slow = await webServer(
      (_request, response) => void never.waitForRequests(1).then(() => response.end('slow')),
    );
    const { orders, outcomes } = hedged([slow as Peer, never], at(30));
    expect(await orders.text('/')).toBe('slow');
    expect(never.requests).toHaveLength(1);
    expect(outcomes.map(({ code }) => code)).toEqual(['SUPERSEDED', '200']);
    await expect.poll(() => never.cut()).toBe(1);
  });

  test('with json, text and bytes', async () => {
    const slow = await peer('"slow"', 900);
    const fast = await peer('"fast"', 0);
    const { orders } = hedged([slow, fast], at(20));
    expect(await orders.json('/')).toBe('fast');
    expect(await orders.text('/')).toBe('"fast"');
    expect(Buffer.from(await orders.bytes('/')).toString()).toBe('"fast"');
  });

  test.each([
    ['a call that must run at most once', { method: 'POST' }],
    ['a body that can be read once', { method: 'PUT', kind: 'idempotent', body: stream() }],
  ] as const)('never for %s', async (_what, request) => {
    const slow = await peer('slow', 150);
    const fast = await peer('fast', 0);
    const { orders } = hedged([slow, fast], at(10));
    expect(await orders.text('/', request as object)).toBe('slow');
    expect(fast.requests).toEqual([]);
  });

  test('but not if there is no other endpoint', async () => {
    const slow = await peer('slow', 100);
    const { orders } = hedged([slow], at(10));
    expect(await orders.text('/')).toBe('slow');
    expect(slow.requests).toHaveLength(1);
  });

  test('with the same body', async () => {
    const bodies: string[] = [];
    const never = await webServer((request) => void request.resume());
    const echo = await webServer((request, response) => {
      request.setEncoding('utf8').on('data', (piece: string) => bodies.push(piece));
      request.on('end', () => response.end('echo'));
    });
    const { orders } = testClerk([never.address, echo.address], {}, at(20));
    expect(await orders.text('/', { method: 'PUT', kind: 'idempotent', body: 'pizza' })).toBe('echo');
    expect(bodies).toEqual(['pizza']);
  });
});

describe('when one of two attempts fails', () => {
  test('the other continues', async () => {
    const broken = await webServer((request) => void setTimeout(60).then(() => request.socket.destroy()));
    const slow = await peer('slow', 150);
    const { orders, outcomes } = hedged([broken as Peer, slow], at(20));
    expect(await orders.text('/')).toBe('slow');
    expect(outcomes).toHaveLength(2);
  });

  test('with a retryable status, the other continues', async () => {
    const busy = await peer('busy', 60, 503);
    const slow = await peer('slow', 150);
    const { orders, outcomes } = hedged([busy, slow], at(20));
    expect(await orders.text('/')).toBe('slow');
    expect(outcomes.map(({ code }) => code)).toEqual(['503', '200']);
  });

  test('and then the other too, a third is sent', async () => {
    const first = await peer('', 60, 503);
    const second = await peer('', 60, 503);
    const third = await peer('third', 0);
    const { orders, outcomes } = hedged([first, second, third], at(20));
    expect(await orders.text('/')).toBe('third');
    expect(outcomes.map(({ code, pickReason }) => [code, pickReason])).toEqual([
      ['503', 'policy'],
      ['503', 'hedge'],
      ['200', 'failover'],
    ]);
  });

  test('and both hang, a third is sent in time', async () => {
    const first = await peer('', Infinity);
    const second = await peer('', Infinity);
    const third = await peer('third', 0);
    const { orders, outcomes } = hedged([first, second, third], at(20));
    expect(await orders.text('/', { timeoutMs: 3_000 })).toBe('third');
    expect(outcomes.map(({ code }) => code)).toEqual(['SUPERSEDED', 'SUPERSEDED', '200']);
  });
});

describe('both attempts are cancelled', () => {
  test('at the deadline', async () => {
    const first = await peer('', Infinity);
    const second = await peer('', Infinity);
    const { orders } = hedged([first, second], at(20));
    await expect(orders.text('/', { timeoutMs: 120 })).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    await expect.poll(() => first.cut() + second.cut()).toBe(2);
    expect(orders.explain().candidates.map(({ pending }) => pending)).not.toContain(1);
  });

  test('when the caller aborts', async () => {
    const first = await peer('', Infinity);
    const second = await peer('', Infinity);
    const { orders } = hedged([first, second], at(20));
    const controller = new AbortController();
    const call = orders.text('/', { signal: controller.signal });
    await second.waitForRequests(1);
    controller.abort();
    await expect(call).rejects.toMatchObject({ code: 'ABORTED' });
    await expect.poll(() => first.cut() + second.cut()).toBe(2);
  });

  test('when the clerk is destroyed', async () => {
    const first = await peer('', Infinity);
    const second = await peer('', Infinity);
    const { orders, clerk } = hedged([first, second], at(20));
    const call = orders.text('/').catch((error: unknown) => error);
    await second.waitForRequests(1);
    await clerk.destroy();
    // Both were sent, so either may have run.
    expect(await call).toMatchObject({ code: 'CLERK_CLOSED', execution: 'unknown', outcomes: { length: 2 } });
    await expect.poll(() => first.cut() + second.cut()).toBe(2);
  });
});

describe('the hedge budget', () => {
  test('limits hedges to its ratio', async () => {
    const slow = await peer('slow', 60);
    const fast = await peer('fast', 60);
    const { orders } = hedged([slow, fast], { hedge: { afterMs: 5, budgetRatio: 0.1 } });
    await Promise.all(Array.from({ length: 60 }, () => orders.text('/')));
    // A tenth of 60 calls plus the reserve of 1; calls of the current second count when it ends.
    expect(fast.requests.length).toBeGreaterThan(0);
    expect(fast.requests.length).toBeLessThanOrEqual(7);
  });

  test('leaves half of the retries that are allowed at once to failover', async () => {
    const never = await peer('', 80);
    const fast = await peer('fast', 80);
    const { orders } = hedged([never, fast], at(5));
    await Promise.all(Array.from({ length: 40 }, () => orders.text('/')));
    expect(orders.explain().retriesLeft).toBeGreaterThanOrEqual(10);
  });

  test('allows no hedge before latencies are known', async () => {
    const slow = await peer('slow', 100);
    const fast = await peer('fast', 0);
    const { orders } = hedged([slow, fast], { hedge: true });
    expect(await orders.text('/')).toBe('slow');
    expect(fast.requests).toEqual([]);
  });

  test('with `true`, the slowest calls are hedged', async () => {
    let calls = 0;
    const mixed = await webServer((_request, response) => {
      void setTimeout(calls++ < 60 ? 20 : 5_000).then(() => response.end('mixed'));
    });
    const fast = await peer('fast', 0);
    const { orders } = testClerk([mixed.address, fast.address], {}, { hedge: true });
    for (let i = 0; i < 60; i++) expect(await orders.text('/')).toBe('mixed');
    expect(await orders.text('/')).toBe('fast');
  });
});

describe('first to respond', () => {
  test('sends two attempts at once', async () => {
    const first = await peer('first', 300);
    const second = await peer('second', 40);
    const { orders } = hedged([first, second], { policy: firstToRespond(roundRobin()) });
    expect(await orders.text('/')).toBe('second');
    expect([first.requests.length, second.requests.length]).toEqual([1, 1]);
    expect(orders.explain().policy).toBe('first-to-respond(round-robin)');
  });

  test('by its policy name, and only one attempt for a once call', async () => {
    const first = await peer('a', 20);
    const second = await peer('b', 20);
    const { orders } = hedged([first, second], { policy: 'first-to-respond' });
    await orders.text('/', { method: 'POST' });
    expect(first.requests.length + second.requests.length).toBe(1);
    await orders.text('/');
    expect(first.requests.length + second.requests.length).toBe(3);
  });

  test('an upgrade is never hedged', async () => {
    const first = await peer('a', 20);
    const second = await peer('b', 20);
    const { clerk } = hedged([first, second], { policy: 'first-to-respond' });
    await expect(
      (clerk.dispatcher as unknown as { upgrade(options: object): Promise<unknown> }).upgrade({
        origin: 'http://orders.shop.clerk',
        path: '/',
        protocol: 'websocket',
      }),
    ).rejects.toThrow();
    expect(first.requests.length + second.requests.length).toBe(1);
  });
});

function stream(): AsyncIterable<Buffer> {
  return (async function* () {
    await setTimeout(0);
    yield Buffer.from('x');
  })();
}
