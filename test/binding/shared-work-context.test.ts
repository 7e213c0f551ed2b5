/**
 * Work that several calls share is not limited by the request that one of the callers is serving, and does not share its
 * error object. In virtual time. @see [C9.3](../../docs/guarantees.md#c9-3)
 */
import { createClerk, type Binding, type Clerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { currentInbound, runInbound, type InboundRequest } from '../../src/core/inbound-request.js';

const codeOf = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => 'ok',
    (error: unknown) => (error as { code: string }).code,
  );

/** The servers of `/orders` and of a directory, which responds after 300 ms. */
function servers() {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  network.server('http://orders').handler = () => ({ statusCode: 200, body: '1' });
  network.server('http://directory').handler = () => ({ statusCode: 200, body: '1', delayMs: 300 });
  // The client of the request disconnects before the response, so the request is never finished.
  const inbound = (ms: number): InboundRequest => ({
    deadlineAt: runtime.now() + ms,
    attempt: 1,
    isFinished: false,
  });
  return { runtime, network, inbound };
}

/** A clerk whose registry asks the directory through the same clerk. */
function clerkWithDirectory() {
  const { runtime, inbound } = servers();
  const registry: Registry = {
    async resolve(name) {
      if (name === '/directory') return { kind: 'bound', endpoints: ['http://directory'] };
      if (name === '/startable') return { kind: 'bound', endpoints: [] };
      await clerk.bind('/directory').json('/');
      return { kind: 'bound', endpoints: ['http://orders'] };
    },
  };
  const clerk = createClerk({ registry, runtime });
  onTestFinished(() => clerk.destroy());
  return { clerk, inbound };
}

test('a call succeeds although the first caller of its lookup serves a request with 100 ms left', async () => {
  const { clerk, inbound } = clerkWithDirectory();
  await clerk.bind('/directory').json('/');
  const orders = clerk.bind('/shop/orders');
  const first = runInbound(inbound(100), () => codeOf(orders.json('/')));
  const second = codeOf(orders.json('/'));
  expect([await first, await second]).toEqual(['DEADLINE_EXCEEDED', 'ok']);
});

test('a call succeeds although the first caller of its start serves a request with 100 ms left', async () => {
  const { clerk, inbound } = clerkWithDirectory();
  await clerk.bind('/directory').json('/');
  const startable = clerk.bind('/startable', {
    factory: async () => {
      await clerk.bind('/directory').json('/');
      return 'http://orders';
    },
  });
  const first = runInbound(inbound(100), () => codeOf(startable.json('/')));
  const second = codeOf(startable.json('/'));
  expect([await first, await second]).toEqual(['DEADLINE_EXCEEDED', 'ok']);
});

test('a clerk that was created while a request was served refreshes after the deadline of that request', async () => {
  const { runtime, inbound } = servers();
  const directory = createClerk({ registry: { '/directory': 'http://orders' }, runtime });
  const results: unknown[] = [];
  const registry: Registry = {
    async resolve() {
      results.push(await codeOf(directory.bind('/directory').json('/')));
      return { kind: 'bound', endpoints: ['http://orders'], ttlMs: 1_000 };
    },
  };
  const clerk = runInbound(inbound(100), () => createClerk({ registry, runtime }));
  onTestFinished(async () => {
    await clerk.destroy();
    await directory.destroy();
  });
  for (let i = 0; i < 20; i++) {
    await clerk.bind('/shop/orders').json('/');
    await runtime.advance(300);
  }
  expect(results.length).toBeGreaterThan(3);
  expect(new Set(results)).toEqual(new Set(['ok']));
});

test('no work that calls share serves the request of the call that began the work', async () => {
  const { runtime, network, inbound } = servers();
  const work = new Set<string>();
  const limited = new Set<string>();
  const began = (what: string): void => {
    work.add(what);
    if (currentInbound() !== undefined) limited.add(what);
  };
  const { transport } = network;
  runtime.transport = (options, clock) => {
    began('transport');
    const inner = transport(options, clock);
    return {
      ...inner,
      open: (endpoint, addresses, host) => {
        began('channel');
        const channel = inner.open(endpoint, addresses, host);
        const probe = channel.probe.bind(channel);
        channel.probe = (...details) => {
          began('probe');
          return probe(...details);
        };
        return channel;
      },
    };
  };
  const registry: Registry = {
    resolve(name) {
      began('lookup');
      if (name === '/startable') return { kind: 'bound', endpoints: [] };
      return { kind: 'bound', endpoints: ['http://orders', 'http://directory'], ttlMs: 2_000 };
    },
    list() {
      began('poll');
      return Promise.resolve([]);
    },
    report: () => began('report'),
  };
  await runInbound(inbound(60_000), async () => {
    const clerk = createClerk({ registry, runtime });
    onTestFinished(() => clerk.destroy());
    for (const event of ['resolved', 'started', 'ejected'] as const) clerk.on(event, () => began(event));
    void clerk.watch('/**').next();
    const startable = clerk.bind('/startable', {
      factory: () => {
        began('start');
        return 'http://orders';
      },
    });
    await startable.json('/');
    const orders = clerk.bind('/orders', { policy: ([first]) => first });
    await orders.json('/');
    network.server('http://orders').kill();
    for (let i = 0; i < 30; i++) {
      await orders.json('/');
      await runtime.advance(200);
    }
  });
  const expected = ['transport', 'channel', 'probe', 'lookup', 'poll', 'report', 'start'];
  expect([...work]).toEqual(expect.arrayContaining([...expected, 'resolved', 'started', 'ejected']));
  expect([...limited]).toEqual([]);
});

test('the watch of a registry that is begun while a request is served continues after the deadline', async () => {
  const { runtime, inbound } = servers();
  const codes: unknown[] = [];
  const directory = createClerk({ registry: { '/directory': 'http://orders' }, runtime });
  const registry: Registry = {
    resolve: () => ({ kind: 'absent' }),
    async list() {
      codes.push(await codeOf(directory.bind('/directory').json('/')));
      return [];
    },
  };
  const clerk = createClerk({ registry, runtime });
  onTestFinished(async () => {
    await clerk.destroy();
    await directory.destroy();
  });
  const next = runInbound(inbound(100), () => clerk.watch('/**').next());
  await runtime.advance(10_000);
  expect(codes.length).toBeGreaterThan(2);
  expect(new Set(codes)).toEqual(new Set(['ok']));
  await clerk.destroy();
  await next;
});

type Call = (clerk: Clerk, orders: Binding) => Promise<unknown>;

test.each<[what: string, call: Call]>([
  ['lookup', (_clerk, orders) => orders.json('/')],
  [
    'lookup through a link',
    (clerk, orders) => Promise.any([orders.json('/'), clerk.bind('/link').json('/')]),
  ],
  ['lookup by name', (clerk) => clerk.resolve('/s')],
  ['lookup of a path', (clerk) => clerk.request('/s/orders')],
  ['start', (_clerk, orders) => orders.json('/')],
])('what one caller writes on the error of a shared %s is not seen by another caller', async (what, call) => {
  const runtime = createFakeRuntime({ seed: 1, autoAdvance: true });
  const clerk = createClerk({
    runtime,
    registry: {
      async resolve(name) {
        await new Promise<void>((resolve) => void runtime.setTimer(resolve, 20));
        if (name === '/link') return { kind: 'link', target: '/s' };
        if (what !== 'start') throw new Error('down');
        return { kind: 'bound', endpoints: [] };
      },
    },
  });
  onTestFinished(() => clerk.destroy());
  const factory = (): Promise<string> => Promise.reject(new Error('no process'));
  const orders = clerk.bind('/s', what === 'start' ? { factory } : {});
  const errors: Error[] = [];
  const seen: unknown[] = [];
  // As a program does that adds the id of its own request to an error.
  const annotate = (caught: unknown, id: string): void => {
    const error = caught as Error & { requestId?: string };
    errors.push(error);
    seen.push(error.requestId);
    error.requestId = id;
  };
  const run = (id: string): Promise<unknown> =>
    call(clerk, orders).catch((error: unknown) => {
      const all = error instanceof AggregateError ? error.errors : [error];
      for (const one of all) annotate(one, id);
    });
  await Promise.all([run('one'), run('two')]);
  expect(errors.length).toBeGreaterThan(1);
  expect(seen).toEqual(errors.map(() => undefined));
  expect(new Set(errors.map(({ message }) => message)).size).toBe(1);
  const [code, cause] =
    what === 'start' ? ['FACTORY_FAILED', 'no process'] : ['REGISTRY_UNREACHABLE', 'down'];
  for (const error of errors) expect(error).toMatchObject({ code, cause: { message: cause } });
});
