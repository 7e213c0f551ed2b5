/** Closing and destroying a clerk: what is awaited, what ends, and what is rejected afterwards. */
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import { createClerk } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { rawPeer } from './raw-peer.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, webServer } from './web-server.js';

/** Lets pending promise jobs and socket callbacks run. */
const settled = () => sleep(50);

test('a closed clerk rejects calls in every API', async () => {
  const server = await webServer((_request, response) => void response.end('{}'));
  const { orders, clerk } = testClerk([server.address]);
  await orders.text('/orders');
  await clerk.close();

  const errors = await Promise.all([
    clerkErrorOf(orders.request({ path: '/orders' })),
    clerkErrorOf(orders.json('/orders')),
    clerkErrorOf(orders.call(() => 1)),
    clerkErrorOf(orders.acquire()),
    clerkErrorOf(orders.ready()),
    clerkErrorOf(orders.gather({ path: '/orders' })),
    clerkErrorOf(clerk.resolve('/shop/orders')),
    clerkErrorOf(clerk.list('/**')),
    clerkErrorOf(clerk.request('/shop/orders/7')),
  ]);
  expect(new Set(errors.map(({ code, execution }) => `${code} ${execution}`))).toEqual(
    new Set(['CLERK_CLOSED none']),
  );
  expect(() => clerk.bind('/shop/orders')).toThrow(
    expect.objectContaining({ code: 'CLERK_CLOSED' }) as Error,
  );
  expect(() => clerk.watch('/**')).toThrow(expect.objectContaining({ code: 'CLERK_CLOSED' }) as Error);
  const fetched: unknown = await clerk
    .fetch('http://orders.shop.clerk/orders')
    .catch((error: unknown) => error);
  expect((fetched as { cause: { code: string } }).cause.code).toBe('CLERK_CLOSED');
  expect(server.requests).toEqual(['GET /orders']);
});

test('close waits for calls in flight and for the bodies that follow', async () => {
  const endings: (() => void)[] = [];
  const server = await webServer((request, response) => {
    if (request.url === '/head') response.write('half, ');
    endings.push(() => response.end('done'));
  });
  const { orders, clerk } = testClerk([server.address]);
  const calls = [orders.text('/call'), orders.text('/call', { method: 'POST' })];
  const { body } = await orders.request({ path: '/head' });
  await server.waitForRequests(3);

  let closed = false;
  const closing = clerk.close().then(() => (closed = true));
  expect((await clerkErrorOf(orders.text('/too-late'))).code).toBe('CLERK_CLOSED');
  await settled();
  expect(closed).toBe(false);
  for (const end of endings) end();

  expect(await Promise.all(calls)).toEqual(['done', 'done']);
  expect(await body.text()).toBe('half, done');
  await closing;
  expect(server.requests).toHaveLength(3);
});

test('close waits for acquired endpoints and for call()', async () => {
  const { orders, clerk } = testClerk([await unusedAddress()]);
  const acquired = await orders.acquire();
  let end: () => void = () => undefined;
  const call = orders.call(() => new Promise<void>((resolve) => (end = resolve)));
  await settled();

  let closed = false;
  const closing = clerk.close().then(() => (closed = true));
  acquired.release('success');
  await settled();
  expect(closed).toBe(false);
  end();
  await Promise.all([call, closing]);
});

test('destroy ends calls at every stage, and bodies', async () => {
  const peer = await rawPeer('no-response');
  const server = await webServer((_request, response) => void response.write('half'));
  const { orders, clerk } = testClerk([peer.address], { connections: 1, undici: { pipelining: 1 } });
  const other = testClerk([server.address]);
  const sent = clerkErrorOf(orders.text('/orders', { method: 'POST' }));
  const queued = clerkErrorOf(orders.text('/orders', { method: 'POST' }));
  const customCall = clerkErrorOf(orders.call(() => new Promise(() => undefined)));
  const { body } = await other.orders.request({ path: '/orders' });
  while (peer.executed.length === 0) await sleep(5);

  await Promise.all([clerk.destroy(), other.clerk.destroy()]);

  expect([(await sent).code, (await sent).execution]).toEqual(['CLERK_CLOSED', 'unknown']);
  expect([(await queued).code, (await queued).execution]).toEqual(['CLERK_CLOSED', 'none']);
  expect((await customCall).code).toBe('CLERK_CLOSED');
  const broken = await clerkErrorOf(body.text());
  expect(broken.code).toBe('CLERK_CLOSED');
  expect(peer.executed).toHaveLength(1);
});

test('destroy ends calls on a connection that is being replaced', async () => {
  const server = await webServer((request, response) =>
    request.url === '/stream' ? void response.write('half') : void response.end('{}'),
  );
  const { orders, clerk } = testClerk([server.address], {
    connections: 2,
    undici: { clientTtl: 50, pipelining: 2 },
  });
  const { body } = await orders.request({ path: '/stream' });
  await sleep(150);
  await orders.json('/orders');
  await orders.json('/orders');

  await clerk.destroy();

  expect(await Promise.race([clerkErrorOf(body.text()), sleep(1_000)])).toMatchObject({
    code: 'CLERK_CLOSED',
  });
});

test('destroy ends a pending close', async () => {
  const { orders, clerk } = testClerk([(await rawPeer('no-response')).address]);
  const call = clerkErrorOf(orders.text('/orders', { method: 'POST' }));
  await settled();
  const closing = clerk.close();
  await clerk.destroy(new Error('Enough'));

  expect((await call).code).toBe('CLERK_CLOSED');
  await closing;
});

test('repeated close and destroy have no further effect; the registry is closed once', async () => {
  let closes = 0;
  const registry = {
    resolve: () => ({ kind: 'absent' as const }),
    close: () => {
      closes++;
    },
  };
  const gentle = createClerk({ registry });
  await Promise.all([gentle.close(), gentle.close()]);
  await gentle.close();
  expect(closes).toBe(1);
  const rough = createClerk({ registry });
  await Promise.all([rough.destroy(), rough.destroy(), rough.close()]);
  await gentle.destroy();
  expect(closes).toBe(2);
});

test('await using closes the clerk, and so does closing its dispatcher', async () => {
  const server = await webServer((_request, response) => void response.end('{}'));
  const clerk = createClerk({ registry: { '/shop/orders': server.address } });
  const orders = clerk.bind('/shop/orders');
  await orders.text('/orders');
  await clerk[Symbol.asyncDispose]();
  expect((await clerkErrorOf(orders.text('/orders'))).code).toBe('CLERK_CLOSED');

  const second = createClerk({ registry: { '/shop/orders': server.address } });
  await second.dispatcher.close();
  expect((await clerkErrorOf(second.resolve('/shop/orders'))).code).toBe('CLERK_CLOSED');
  const third = createClerk({ registry: { '/shop/orders': server.address } });
  await third.dispatcher.destroy();
  expect((await clerkErrorOf(third.resolve('/shop/orders'))).code).toBe('CLERK_CLOSED');
});

/** A logger that records its warnings. */
function warningLogger() {
  const warnings: string[] = [];
  const ignore = (): void => undefined;
  return {
    warnings,
    logger: {
      debug: ignore,
      info: ignore,
      error: ignore,
      warn: (message: string) => void warnings.push(message),
    },
  };
}

describe('after closeTimeoutMs, close destroys', () => {
  test('a body over 64 KiB that the program never reads, and warns', async () => {
    const server = await webServer((_request, response) => void response.end(Buffer.alloc(10_000_000)));
    const { logger, warnings } = warningLogger();
    const { orders, clerk } = testClerk([server.address], { closeTimeoutMs: 100, logger });
    const { body } = await orders.request({ path: '/orders' });

    await clerk.close();

    expect(warnings).toEqual([
      expect.stringMatching(
        /waited 100 ms and now ends all remaining calls and connections: 1 call or response body has not ended/,
      ),
    ]);
    await expect(body.text()).rejects.toThrow(/did not end within 100 ms/);
  });

  test('a call in flight, which then fails', async () => {
    const server = await webServer(() => undefined);
    const { logger } = warningLogger();
    const { orders, clerk } = testClerk([server.address], { closeTimeoutMs: 100, logger });
    const failed = clerkErrorOf(orders.json('/orders'));
    await server.waitForRequests(1);

    await clerk.close();

    expect(await failed).toMatchObject({ code: 'CLERK_CLOSED', execution: 'unknown' });
  });

  test('an acquired endpoint that is never released', async () => {
    const { logger, warnings } = warningLogger();
    const { orders, clerk } = testClerk([await unusedAddress()], { closeTimeoutMs: 100, logger });
    const acquired = await orders.acquire();

    await clerk.close();

    expect(acquired.signal.aborted).toBe(true);
    expect(warnings).toHaveLength(1);
  });

  test('nothing and waits no longer when the last call ends before, without a warning', async () => {
    const server = await webServer((_request, response) => void setTimeout(() => response.end('{}'), 50));
    const { logger, warnings } = warningLogger();
    const { orders, clerk } = testClerk([server.address], { closeTimeoutMs: 2 ** 31 - 1, logger });
    const call = orders.json('/orders');

    await clerk.close();

    expect([await call, warnings]).toEqual([{}, []]);
  });

  test('everything at once with 0', async () => {
    const server = await webServer(() => undefined);
    const { logger } = warningLogger();
    const { orders, clerk } = testClerk([server.address], { closeTimeoutMs: 0, logger });
    const failed = clerkErrorOf(orders.json('/orders'));
    await server.waitForRequests(1);

    await clerk.close();

    expect((await failed).code).toBe('CLERK_CLOSED');
  });
});

test('close does not wait longer than closeTimeoutMs for a registry that does not close', async () => {
  const { logger, warnings } = warningLogger();
  const clerk = createClerk({
    registry: {
      resolve: () => Promise.resolve({ kind: 'absent' }),
      close: () => new Promise<void>(() => undefined),
    },
    closeTimeoutMs: 100,
    logger,
  });

  await clerk.close();

  expect(warnings).toEqual([expect.stringMatching(/registry or a connection did not close/)]);
});

test('close rejects when the registry fails to close, and keeps no timer', async () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((kind) => kind === 'Timeout').length;
  const clerk = createClerk({
    registry: {
      resolve: () => Promise.resolve({ kind: 'absent' }),
      close: () => Promise.reject(new Error('the file is locked')),
    },
  });
  const before = timers();

  await expect(clerk.close()).rejects.toThrow('the file is locked');

  expect(timers()).toBe(before);
});
