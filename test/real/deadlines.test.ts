/** Every call ends by its deadline or when aborted, reports truthfully what may have run, and sends nothing afterwards. */
import { getEventListeners } from 'node:events';
import { createServer } from 'node:http';
import type { LookupFunction } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import { createClerk, isClerkError, type Binding, type Clerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { testClerk } from './test-clerk.js';
import { authority, type Authority, type Certificate } from './certificates.js';
import { fullBacklogListener, type FullBacklogListener } from './full-backlog-listener.js';
import { gatedServer } from './gated-server.js';
import { rawPeer } from './raw-peer.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { unusedAddress, stop, webServer } from './web-server.js';

let ca: Authority;
let identity: Certificate;
let unresponsive: FullBacklogListener;
beforeAll(async () => {
  ca = await authority('Our own');
  identity = await ca.issue('127.0.0.1');
  unresponsive = await fullBacklogListener();
});
afterAll(() => unresponsive.close());

const soon = 150;

/** A call blocked at a certain stage. */
interface BlockedCall {
  readonly clerk: Clerk;
  readonly orders: Binding;
  /** Resolves when the call has reached the stage. */
  readonly reached: Promise<unknown>;
  /** Unblocks the stage; resolves when a request sent then would have arrived. */
  release(): Promise<unknown>;
  /** Number of requests of this call that a server has read. */
  sent(): number;
}

async function inLookup(): Promise<BlockedCall> {
  const server = await webServer((_request, response) => void response.end('{}'));
  let respond: () => void = () => undefined;
  let markReached: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (markReached = resolve));
  const registry: Registry = {
    resolve: () =>
      new Promise((resolve) => {
        respond = () => resolve({ kind: 'bound', endpoints: [server.address] });
        markReached();
      }),
  };
  const clerk = createClerk({ registry });
  onTestFinished(() => clerk.destroy());
  return {
    clerk,
    orders: clerk.bind('/shop/orders'),
    reached,
    release: async () => {
      respond();
      await sleep(50);
    },
    sent: () => server.requests.length,
  };
}

async function inQueue(): Promise<BlockedCall> {
  const responders: (() => void)[] = [];
  const server = await webServer((_request, response) => void responders.push(() => response.end('{}')));
  const { clerk, orders } = testClerk([server.address], { connections: 1, undici: { pipelining: 1 } });
  const before = [orders.text('/before', { method: 'GET' }), orders.text('/before', { method: 'POST' })];
  await server.waitForRequests(2);
  return {
    clerk,
    orders,
    reached: Promise.resolve(),
    release: async () => {
      for (const respond of responders) respond();
      await Promise.all(before);
      await sleep(50);
    },
    sent: () => server.requests.length - 2,
  };
}

async function inNameService(): Promise<BlockedCall> {
  const server = await webServer((_request, response) => void response.end('{}'));
  let respond: () => void = () => undefined;
  let markReached: () => void = () => undefined;
  const reached = new Promise<void>((resolve) => (markReached = resolve));
  const lookup: LookupFunction = (_host, _options, callback) => {
    respond = () => callback(null, [{ address: '127.0.0.1', family: 4 }]);
    markReached();
  };
  const { clerk, orders } = testClerk([server.address.replace('127.0.0.1', 'orders.example')], {
    undici: { connect: { lookup } },
  });
  return {
    clerk,
    orders,
    reached,
    release: async () => {
      respond();
      await sleep(50);
    },
    sent: () => server.requests.length,
  };
}

async function inConnect(): Promise<BlockedCall> {
  const { clerk, orders } = testClerk([unresponsive.address]);
  return { clerk, orders, reached: sleep(20), release: async () => undefined, sent: () => 0 };
}

async function inHandshake(): Promise<BlockedCall> {
  const server = await gatedServer(identity);
  const { clerk, orders } = testClerk([server.address], { tls: { ca: ca.cert } });
  return {
    clerk,
    orders,
    reached: server.handshakeWaiting,
    release: async () => {
      await server.open();
      await sleep(50);
    },
    sent: () => server.requests.length,
  };
}

async function afterSent(): Promise<BlockedCall> {
  const responders: (() => void)[] = [];
  const server = await webServer((_request, response) => void responders.push(() => response.end('{}')));
  const { clerk, orders } = testClerk([server.address]);
  return {
    clerk,
    orders,
    reached: server.waitForRequests(1),
    release: async () => {
      for (const respond of responders) respond();
      await sleep(50);
    },
    sent: () => server.requests.length,
  };
}

async function inBody(): Promise<BlockedCall> {
  const server = await webServer((_request, response) => void response.write('{'));
  const { clerk, orders } = testClerk([server.address]);
  return {
    clerk,
    orders,
    reached: server.waitForRequests(1).then(() => sleep(20)),
    release: async () => undefined,
    sent: () => server.requests.length,
  };
}

const waiting = [
  ['the lookup', inLookup],
  ['the queue for a connection', inQueue],
  ['the name service', inNameService],
  ['connecting', inConnect],
  ['the TLS handshake', inHandshake],
] as const;

describe.each(waiting)('a call blocked in %s', (_where, hold) => {
  test.each(['GET', 'POST'])(
    '%s ends at its deadline, was not executed, and is never sent',
    async (method) => {
      const { orders, release, sent } = await hold();

      const [json, request] = await Promise.all([
        clerkErrorOf(orders.json('/orders', { method, timeoutMs: soon })),
        clerkErrorOf(orders.request({ path: '/orders', method: method, timeoutMs: soon })),
      ]);

      for (const error of [json, request])
        expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
      await release();
      expect(sent()).toBe(0);
    },
  );

  test('ends at once when aborted, and is never sent', async () => {
    const { orders, reached, release, sent } = await hold();
    const controller = new AbortController();
    const reason = new Error('The guest has left');

    const errors = [
      clerkErrorOf(orders.json('/orders', { signal: controller.signal })),
      clerkErrorOf(orders.request({ path: '/orders', method: 'POST', signal: controller.signal })),
    ];
    await reached;
    controller.abort(reason);

    for (const error of await Promise.all(errors))
      expect([error.code, error.execution, error.cause]).toEqual(['ABORTED', 'none', reason]);
    await release();
    expect(sent()).toBe(0);
  });

  test('rejects from fetch like fetch', async () => {
    const { clerk, reached, release, sent } = await hold();
    const controller = new AbortController();

    const late = clerk
      .fetch('http://orders.shop.clerk/orders', { timeoutMs: soon })
      .catch((error: unknown) => error);
    const aborted = clerk
      .fetch('http://orders.shop.clerk/orders', { signal: controller.signal })
      .catch((error: unknown) => error);
    await reached;
    controller.abort();

    expect(await aborted).toMatchObject({ name: 'AbortError' });
    expect(await late).toBeInstanceOf(TypeError);
    const cause = ((await late) as TypeError).cause;
    expect(isClerkError(cause) && [cause.code, cause.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
    await release();
    expect(sent()).toBe(0);
  });
});

describe('a call that was sent', () => {
  test.each(['GET', 'POST'])('%s ends at its deadline, and may have been executed', async (method) => {
    const { orders, sent } = await afterSent();

    const error = await clerkErrorOf(orders.json('/orders', { method, timeoutMs: soon }));

    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'unknown']);
    expect(error.outcomes.map(({ stage, code }) => [stage, code])).toEqual([['sent', 'DEADLINE_EXCEEDED']]);
    expect(sent()).toBe(1);
  });

  test('ends at once when aborted, and may have been executed', async () => {
    const { orders, clerk, reached } = await afterSent();
    const controller = new AbortController();

    const errors = [
      clerkErrorOf(orders.json('/orders', { signal: controller.signal })),
      clerkErrorOf(orders.request({ path: '/orders', signal: controller.signal })),
      clerkErrorOf(orders.text('/orders', { method: 'POST', signal: controller.signal })),
    ];
    const fetched = clerk
      .fetch('http://orders.shop.clerk/orders', { signal: controller.signal })
      .catch((error: unknown) => error);
    await reached;
    await sleep(50);
    controller.abort();

    for (const error of await Promise.all(errors))
      expect([error.code, error.execution]).toEqual(['ABORTED', 'unknown']);
    expect(await fetched).toMatchObject({ name: 'AbortError' });
    expect(orders.explain().candidates.map(({ pending, status }) => [pending, status])).toEqual([
      [0, 'open'],
    ]);
  });
});

test('gather reports the deadline only for the endpoint that missed it', async () => {
  const silent = await rawPeer('no-response');
  const well = await rawPeer('respond');
  const { orders } = testClerk([silent.address, well.address]);

  const gathered = await orders.gather({ path: '/stats', timeoutMs: 300 });

  expect(
    gathered.map((one) =>
      'response' in one ? one.response.statusCode : `${one.error.code} ${one.error.execution}`,
    ),
  ).toEqual(['DEADLINE_EXCEEDED unknown', 200]);
  for (const one of gathered)
    if ('response' in one) expect(await one.response.body.json()).toEqual({ ok: true });
  expect([silent.executed.length, well.executed.length]).toEqual([1, 1]);
});

describe('in the response body', () => {
  test('request and fetch have their headers in time; json, text and bytes miss the deadline', async () => {
    const { orders, clerk } = await inBody();

    const reply = await orders.request({ path: '/orders', timeoutMs: soon });
    const response = await clerk.fetch('http://orders.shop.clerk/orders', { timeoutMs: soon });
    const errors = await Promise.all(
      (['json', 'text', 'bytes'] as const).map((read) =>
        clerkErrorOf(orders[read]('/orders', { timeoutMs: soon })),
      ),
    );

    for (const error of errors)
      expect([error.code, error.execution]).not.toEqual(['DEADLINE_EXCEEDED', 'none']);
    for (const error of errors) expect(error.code).toBe('DEADLINE_EXCEEDED');
    await sleep(soon);
    expect([reply.body.destroyed, reply.body.errored, response.bodyUsed]).toEqual([false, null, false]);
    reply.body.on('error', () => undefined).destroy();
    await response.body?.cancel();
  });

  test('a stream follows undici’s bodyTimeout after the headers', async () => {
    const server = await webServer((_request, response) => void response.write('{'));
    const { orders } = testClerk([server.address], { undici: { bodyTimeout: 300 } });

    const { body } = await orders.request({ path: '/orders', timeoutMs: 5_000 });
    const error = await clerkErrorOf(body.text());

    expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'done']);
    expect((error.cause as { code: string }).code).toBe('UND_ERR_BODY_TIMEOUT');
  });

  test('aborting ends the stream, and json', async () => {
    const { orders, reached } = await inBody();
    const controller = new AbortController();
    const reason = new Error('The guest has left');

    const { body } = await orders.request({ path: '/orders', signal: controller.signal });
    const json = clerkErrorOf(orders.json('/orders', { signal: controller.signal }));
    await reached;
    const text = body.text().catch((error: unknown) => error);
    controller.abort(reason);

    expect([(await json).code, (await json).execution]).not.toEqual(['ABORTED', 'none']);
    expect((await json).code).toBe('ABORTED');
    const error = await text;
    expect(error === reason || (isClerkError(error) && error.code === 'ABORTED')).toBe(true);
    expect(orders.explain().candidates.map(({ pending }) => pending)).toEqual([0]);
  });
});

describe('a signal', () => {
  // Without fetch, which leaves a listener to the garbage collector.
  const everything = (clerk: Clerk, orders: Binding, signal: AbortSignal): Promise<unknown>[] => [
    orders.request({ path: '/orders', signal }).then(({ body }) => body.dump()),
    orders.json('/orders', { signal }),
    orders.text('/orders', { signal }),
    orders.bytes('/orders', { signal }),
    orders.call(() => 1, { signal }),
    orders.acquire({ signal }).then((acquired) => acquired.release('success')),
    orders.ready({ signal }),
    orders
      .gather({ path: '/orders', signal })
      .then((all) => Promise.all(all.map(async (one) => 'response' in one && one.response.body.dump()))),
    clerk.resolve('/shop/orders', { signal }),
    clerk.list('/shop/*', { signal }),
    clerk.request('/shop/orders/7', { signal }).then(({ body }) => body.dump()),
  ];

  test('that is already aborted ends every call before anything is sent', async () => {
    const server = await webServer((_request, response) => void response.end('{}'));
    const { clerk, orders } = testClerk([server.address]);
    const reason = new Error('The guest never came');
    const signal = AbortSignal.abort(reason);

    const errors = await Promise.all(
      everything(clerk, orders, signal).map((promise) => promise.catch((error: unknown) => error)),
    );

    const descriptions = errors.map((error) =>
      error === reason ? 'reason' : isClerkError(error) ? `${error.code} ${error.execution}` : error,
    );
    expect(descriptions).toEqual(Array(11).fill('ABORTED none'));
    const fetched = await clerk
      .fetch('http://orders.shop.clerk/orders', { signal })
      .catch((error: unknown) => error);
    expect(fetched).toBe(reason);
    expect(server.requests).toEqual([]);
  });

  function warned(): Error[] {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    onTestFinished(() => void process.off('warning', onWarning));
    return warnings;
  }

  test('has no listeners left after a thousand calls', async () => {
    const warnings = warned();
    const server = await webServer((_request, response) => void response.end('{}'));
    const { clerk, orders } = testClerk([server.address]);
    const { signal } = new AbortController();

    for (let calls = 0; calls < 1_000; calls += 11) await Promise.all(everything(clerk, orders, signal));
    await sleep(20);

    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test('shared by many concurrent calls causes no listener warning', async () => {
    const warnings = warned();
    const server = await webServer((_request, response) => void response.end('{}'));
    const { clerk, orders } = testClerk([server.address]);
    const { signal } = new AbortController();

    await Promise.all(Array.from({ length: 20 }, () => Promise.all(everything(clerk, orders, signal))));
    await sleep(20);

    expect(getEventListeners(signal, 'abort')).toEqual([]);
    expect(warnings).toEqual([]);
  });

  test('has no listeners left after failed calls either', async () => {
    const peer = await rawPeer('reset');
    const { clerk, orders } = testClerk([peer.address]);
    const { signal } = new AbortController();

    for (let i = 0; i < 30; i++) await Promise.allSettled(everything(clerk, orders, signal));
    await sleep(20);

    expect(getEventListeners(signal, 'abort')).toEqual([]);
  });
});

describe('a late attempt without an alternative', () => {
  /** The first endpoint hangs from its second request on; the second one refuses until `open` is called. */
  async function stuck(): Promise<{ orders: Binding; open: () => Promise<void> }> {
    let requests = 0;
    const hanging = await webServer((_request, response) => {
      if (++requests === 1) response.end('"first"');
    });
    const away = await unusedAddress();
    const { orders } = testClerk([away, hanging.address]);
    expect(await orders.json('/')).toBe('first');
    return {
      orders,
      open: async () => {
        const server = createServer((_request, response) => response.end('"second"'));
        onTestFinished(() => stop(server));
        await new Promise<void>((resolve) => {
          server.listen(Number(new URL(away).port), '127.0.0.1', resolve);
        });
      },
    };
  }

  test('fails over as soon as another endpoint recovers, long before the deadline', async () => {
    const { orders, open } = await stuck();
    const call = orders.json('/', { timeoutMs: 9_000 });
    await sleep(400);
    await open();
    // Calls arrive, so ejected endpoints are probed.
    void orders.json('/', { timeoutMs: 500 }).catch(() => undefined);
    const late = sleep(6_000, 'too late');
    expect(await Promise.race([call, late])).toBe('second');
  });

  test('also in call()', async () => {
    const { orders, open } = await stuck();
    const call = orders.call(async ({ address }, { signal }) => (await fetch(address, { signal })).json(), {
      kind: 'safe',
      timeoutMs: 9_000,
    });
    await sleep(400);
    await open();
    void orders.json('/', { timeoutMs: 500 }).catch(() => undefined);
    const late = sleep(6_000, 'too late');
    expect(await Promise.race([call, late])).toBe('second');
  });
});
