/** Clients of several servers: failover within 1 s, and the return to the nearest server. */
import { expect, test } from 'vitest';
import type { Registry, Resolution } from '../../../src/core/registry.js';
import { sleep } from '../../../src/core/clock.js';
import { paths } from '../../../src/protocol/paths.js';
import { nearestFirst } from '../../../src/registry-client/server-order.js';
import { serverRegistry, type ServerRegistry } from '../../../src/registry/remote/server-registry.js';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { createFakeRuntime, type FakeRuntime } from '../../../src/testing/fake-runtime.js';
import { endpointMessage, FakeRegistry } from '../../support/fake-registry.js';

const anyContext = { signal: new AbortController().signal };

function setup(count = 2) {
  const runtime = createFakeRuntime({ seed: 7 });
  const servers = Array.from({ length: count }, () => new FakeRegistry(runtime));
  return {
    runtime,
    servers,
    registry: registryOver(servers, runtime),
    ...{ a: servers[0]!, b: servers[1]! },
  };
}

function registryOver(
  servers: readonly FakeRegistry[],
  runtime: FakeRuntime,
  { isShuffled = false, launchMs = 0 } = {},
): ServerRegistry {
  const urls = servers.map((_, i) => `http://${String.fromCharCode(97 + i)}`);
  return serverRegistry({
    urls: isShuffled ? nearestFirst(urls, runtime) : urls,
    clock: runtime,
    retry: retryLoop,
    connect: (url) => {
      const connection = servers[urls.indexOf(url)]!.connection(url);
      return {
        ...connection,
        request: async (request, signal) => {
          if (request.path === paths.launch && launchMs > 0) await sleep(runtime, launchMs, false);
          return connection.request(request, signal);
        },
      };
    },
  });
}

/** Makes the same change at all servers, as servers over one log do. */
function putAll(servers: readonly FakeRegistry[], name: string, id: string): void {
  for (const server of servers) server.put(name, [id]);
}

const lookup = async (registry: Registry): Promise<Resolution> =>
  registry.resolve('/x', { signal: new AbortController().signal, suspects: new Set() });

/** Resolves to the time that a request took, in virtual ms, and fails if the request does. */
async function timed(runtime: FakeRuntime, request: Promise<unknown>): Promise<number> {
  const sentAt = runtime.now();
  let endedAt: number | undefined;
  const settled = request.then(() => (endedAt = runtime.now()));
  for (let ms = 0; ms < 20_000 && endedAt === undefined; ms += 50) await runtime.advance(50);
  await settled;
  return (endedAt as number) - sentAt;
}

/** The ids of `/x` that a watch has shown, each with its time. */
function recordWatch(registry: Required<Registry>, runtime: FakeRuntime) {
  const seen: { readonly id: string; readonly at: number }[] = [];
  const errors: unknown[] = [];
  registry.watch(
    '/x',
    (snapshot) => {
      const found = (snapshot as ReadonlyMap<string, { endpoints?: { id: string }[] }>).get('/x');
      seen.push({ id: found?.endpoints?.[0]?.id ?? '-', at: runtime.now() });
    },
    (error) => errors.push(error),
  );
  return { seen, errors };
}

const requests = {
  'a lookup': (registry: ServerRegistry) => lookup(registry),
  'a list': (registry: ServerRegistry) => registry.list('/**', anyContext),
  'a ticket': (registry: ServerRegistry) => registry.requestTicket('/x', anyContext),
  'a start': (registry: ServerRegistry) => registry.start('/x', anyContext),
};

test.each(Object.entries(requests))(
  '%s gets a response within 1 s when its server dies or hangs',
  async (_what, send) => {
    for (const fault of ['isDown', 'hangs'] as const) {
      const { runtime, registry, a, b } = setup();
      putAll([a, b], '/x', 'x1');
      b.onLaunch = () => [endpointMessage('x1')];
      a[fault] = true;
      expect(await timed(runtime, Promise.resolve(send(registry)))).toBeLessThanOrEqual(1_000);
      // The next request does not ask the failed server first.
      expect(await timed(runtime, Promise.resolve(send(registry)))).toBeLessThanOrEqual(50);
    }
  },
);

test('with two of three servers that hang, a lookup gets a response within 1 s', async () => {
  const { runtime, servers, registry } = setup(3);
  putAll(servers, '/x', 'x1');
  servers[0]!.hangs = servers[1]!.hangs = true;
  expect(await timed(runtime, lookup(registry))).toBeLessThanOrEqual(1_000);
});

test('a start that takes long is not requested from another server while its server responds', async () => {
  const { runtime, servers, a, b } = setup();
  putAll(servers, '/x', 'x1');
  a.onLaunch = () => [endpointMessage('x1')];
  const registry = registryOver(servers, runtime, { launchMs: 4_000 });
  expect(await timed(runtime, Promise.resolve(registry.start('/x', anyContext)))).toBe(4_000);
  expect(b.requests).toEqual([]);
});

test('a watch whose server hangs moves with the next lookup, and shows changes within 1 s', async () => {
  const { runtime, registry, a, b } = setup();
  putAll([a, b], '/x', 'x1');
  const { seen, errors } = recordWatch(registry, runtime);
  await runtime.advance(1_000);
  a.hangs = true;
  b.put('/x', ['x2']);
  const hangsAt = runtime.now();
  void lookup(registry);
  await runtime.advance(1_000);
  expect(seen.map(({ id }) => id)).toEqual(['x1', 'x2']);
  expect(seen[1]!.at - hangsAt).toBeLessThanOrEqual(1_000);
  expect(errors).toEqual([]);
});

test('a watch whose server dies shows changes of another server within 1 s', async () => {
  const { runtime, registry, a, b } = setup();
  putAll([a, b], '/x', 'x1');
  const { seen, errors } = recordWatch(registry, runtime);
  await runtime.advance(1_000);
  a.isDown = true;
  a.dropStreams();
  b.put('/x', ['x2']);
  const diedAt = runtime.now();
  await runtime.advance(1_000);
  expect(seen.map(({ id }) => id)).toEqual(['x1', 'x2']);
  expect(seen[1]!.at - diedAt).toBeLessThanOrEqual(1_000);
  expect(errors).toEqual([]);
});

test('a watch that begins at a server that hangs is opened at another one after 1 s', async () => {
  const { runtime, registry, a, b } = setup();
  putAll([a, b], '/x', 'x1');
  a.hangs = true;
  const { seen, errors } = recordWatch(registry, runtime);
  await runtime.advance(1_600);
  expect(seen.map(({ id }) => id)).toEqual(['x1']);
  expect(errors).toEqual([]);
});

test('requests and the watch return to the nearest server when it responds again', async () => {
  const { runtime, registry, a, b } = setup();
  putAll([a, b], '/x', 'x1');
  const { seen } = recordWatch(registry, runtime);
  a.hangs = true;
  const lookups = async (seconds: number): Promise<number> => {
    let slowestMs = 0;
    for (let second = 0; second < seconds; second++) {
      for (const server of [a, b]) server.sendHeartbeat();
      slowestMs = Math.max(slowestMs, await timed(runtime, lookup(registry)));
      await runtime.advance(1_000);
    }
    return slowestMs;
  };
  await lookups(5);
  expect([a.streams.size, b.streams.size]).toEqual([0, 1]);
  // A check of the server that hangs delays no lookup.
  expect(await lookups(60)).toBeLessThanOrEqual(50);
  a.hangs = false;
  expect(await lookups(150)).toBeLessThanOrEqual(50);
  expect([a.streams.size, b.streams.size]).toEqual([1, 0]);
  b.requests.length = 0;
  await lookups(5);
  expect(b.requests).toEqual([]);
  putAll([a, b], '/x', 'x2');
  await runtime.advance(100);
  expect(seen.at(-1)!.id).toBe('x2');
});

test('a server that fails again and again is checked ever more rarely', async () => {
  const { runtime, registry, a, b } = setup();
  putAll([a, b], '/x', 'x1');
  a.isDown = true;
  for (let second = 0; second < 600; second++) {
    await lookup(registry);
    await runtime.advance(1_000);
  }
  expect(a.requests.length).toBeGreaterThan(3);
  expect(a.requests.length).toBeLessThan(20);
});

test('requests leave a server whose lookups are stale for one whose lookups are not', async () => {
  const { runtime, registry, a, b } = setup();
  putAll([a, b], '/x', 'x1');
  a.isStale = true;
  expect(await lookup(registry)).toMatchObject({ stale: true });
  await runtime.advance(100);
  expect(await lookup(registry)).not.toHaveProperty('stale');
  // When the engine itself is away, every server is as good as another.
  b.isStale = true;
  a.requests.length = 0;
  for (let second = 0; second < 60; second++) {
    expect(await lookup(registry)).toMatchObject({ stale: true });
    await runtime.advance(1_000);
  }
  expect(a.requests.length).toBeLessThanOrEqual(35);
});

test('300 clerks spread over three servers, and do so again after each was restarted', async () => {
  const runtime = createFakeRuntime({ seed: 3 });
  const servers = Array.from({ length: 3 }, () => new FakeRegistry(runtime));
  putAll(servers, '/x', 'x1');
  const clerks = Array.from({ length: 300 }, () => registryOver(servers, runtime, { isShuffled: true }));
  for (const clerk of clerks) recordWatch(clerk, runtime);
  await runtime.advance(100);
  const expectSpread = (): void => {
    for (const { streams } of servers) expect(streams.size).toBeGreaterThan(75);
  };
  expectSpread();
  for (const server of servers) {
    server.isDown = true;
    server.dropStreams();
    await runtime.advance(3_000);
    server.isDown = false;
    const up = servers.reduce((sum, { streams }) => sum + streams.size, 0);
    expect(up).toBe(300);
  }
  for (const server of servers) server.requests.length = 0;
  const from = runtime.now();
  for (let step = 0; step < 15; step++) {
    for (const server of servers) server.sendHeartbeat();
    for (const clerk of clerks) void lookup(clerk);
    await runtime.advance(4_000);
  }
  expectSpread();
  for (const { requests: received } of servers) {
    const perSecond = new Map<number, number>();
    for (const { at, path } of received)
      if (path === paths.watch) {
        const second = Math.floor((at - from) / 1_000);
        perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
      }
    expect(Math.max(0, ...perSecond.values())).toBeLessThanOrEqual(100);
  }
});
