import { expect, test } from 'vitest';
import { ClerkError } from '../../../src/core/errors.js';
import type { Registry, Snapshot } from '../../../src/core/registry.js';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { serverRegistry } from '../../../src/registry/remote/server-registry.js';
import { createFakeRuntime, type FakeRuntime } from '../../../src/testing/fake-runtime.js';
import { endpointMessage, FakeRegistry } from '../../support/fake-registry.js';

/** A remote registry over `count` servers, `http://a`, `http://b` … */
function setup(
  count = 1,
  runtime: FakeRuntime = createFakeRuntime({ seed: 7 }),
): { runtime: FakeRuntime; servers: FakeRegistry[]; registry: Required<Registry> } {
  const servers = Array.from({ length: count }, () => new FakeRegistry(runtime));
  return { runtime, servers, registry: registryOver(servers, runtime) };
}

function registryOver(servers: readonly FakeRegistry[], clock: FakeRuntime): Required<Registry> {
  const urls = servers.map((_, i) => `http://${String.fromCharCode(97 + i)}`);
  return serverRegistry({
    urls,
    clock,
    retry: retryLoop,
    connect: (url) => servers[urls.indexOf(url)]!.connection(url),
  });
}

/** Delay from the first watch to the opening of the stream, in ms. */
const openMs = 20;

const lookup = (registry: Registry, name: string) =>
  Promise.resolve(registry.resolve(name, { signal: new AbortController().signal, suspects: new Set() }));

const anyContext = { signal: new AbortController().signal };

/** The snapshots of a watch so far: ids by name, `-` for absent. */
function recordWatch(registry: Required<Registry>, glob: string) {
  const seen: Record<string, string>[] = [];
  const errors: unknown[] = [];
  const stop = registry.watch(
    glob,
    (snapshot: Snapshot) => {
      const found = Object.entries(Object.fromEntries(snapshot as ReadonlyMap<string, any>));
      seen.push(
        Object.fromEntries(
          found.map(([name, { kind, endpoints }]) => [
            name,
            kind === 'absent' ? '-' : endpoints.map(({ id }: { id: string }) => id).join(),
          ]),
        ),
      );
    },
    (error) => errors.push(error),
  );
  return { seen, errors, stop };
}

test('a lookup returns all fields of the response', async () => {
  const { servers, registry } = setup();
  servers[0]!.put('/x', ['x1'], { zone: 'a', version: '1.2.0' });
  servers[0]!.launchable.add('/x');
  expect(await lookup(registry, '/x')).toEqual({
    kind: 'bound',
    canonical: '/x',
    endpoints: [
      {
        id: 'x1',
        epoch: 1,
        addresses: ['http://x1:80'],
        weight: 1,
        attributes: {},
        leaseMs: 10_000,
        state: 'up',
        zone: 'a',
        version: '1.2.0',
        incarnation: 'first',
      },
    ],
    path: [{ name: '/x', kind: 'service', guaranteedMs: 5_000 }],
    revision: '1',
    incarnation: 'first',
    guaranteedMs: 5_000,
    ttlMs: 5_000,
    startable: true,
  });
});

test('an absent name is a result with its revision; a server that is down is an error', async () => {
  const { runtime, servers, registry } = setup();
  expect(await lookup(registry, '/x')).toEqual({
    kind: 'absent',
    ttlMs: 1_000,
    revision: '0',
    incarnation: 'first',
  });
  servers[0]!.isDown = true;
  const failing = expect(lookup(registry, '/x')).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  await runtime.advance(4_000);
  await failing;
});

test('when a server refuses, the next one is tried at once, and first from then on', async () => {
  const { runtime, servers, registry } = setup(2);
  const [a, b] = servers as [FakeRegistry, FakeRegistry];
  b.put('/x', ['b1']);
  a.isDown = true;
  const before = runtime.now();
  expect(await lookup(registry, '/x')).toMatchObject({ endpoints: [{ id: 'b1' }] });
  expect(runtime.now()).toBe(before);
  a.isDown = false;
  await lookup(registry, '/x');
  expect(a.requests).toHaveLength(1);
  expect(b.requests).toHaveLength(2);
});

test('when a server hangs, the next one is tried after 500 ms', async () => {
  const { runtime, servers, registry } = setup(2);
  const [a, b] = servers as [FakeRegistry, FakeRegistry];
  b.put('/x', ['b1']);
  a.hangs = true;
  const resolving = lookup(registry, '/x');
  await runtime.advance(499);
  expect(b.requests).toHaveLength(0);
  await runtime.advance(1);
  expect(await resolving).toMatchObject({ endpoints: [{ id: 'b1' }] });
});

test('an error response with a reason is final; when no server responds, the error names all servers', async () => {
  const { runtime, servers, registry } = setup(2);
  const [a, b] = servers as [FakeRegistry, FakeRegistry];
  await expect(registry.start('/x', anyContext)).rejects.toMatchObject({
    code: 'START_FAILED',
    message: 'Nothing can be started here',
  });
  expect(b.requests).toHaveLength(0);
  a.isDown = b.isDown = true;
  const failing = expect(lookup(registry, '/x')).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: expect.stringMatching(/http:\/\/a.*http:\/\/b/) as string,
  });
  await runtime.advance(4_000);
  await failing;
});

test('an aborted lookup rejects at once', async () => {
  const { servers, registry } = setup();
  servers[0]!.hangs = true;
  const controller = new AbortController();
  const resolving = registry.resolve('/x', { signal: controller.signal, suspects: new Set() });
  controller.abort(new Error('Enough'));
  await expect(resolving).rejects.toThrow('Enough');
});

test('a start returns the endpoints of the response', async () => {
  const { servers, registry } = setup();
  servers[0]!.onLaunch = () => [endpointMessage('fresh')];
  expect(await registry.start('/x', anyContext)).toMatchObject([{ id: 'fresh' }]);
});

test('a long start is requested repeatedly for one minute, and a lost request costs six seconds', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  const requestTimes = (): number[] => server.requests.map(({ at }) => at);
  const begun = runtime.now();
  server.hangs = true;
  const started = registry.start('/x', anyContext);
  await runtime.advance(5_999);
  expect(requestTimes()).toHaveLength(1);
  server.hangs = false;
  server.onLaunch = () => [endpointMessage('fresh')];
  await runtime.advance(1);
  expect(await started).toMatchObject([{ id: 'fresh' }]);
  expect(requestTimes()).toEqual([begun, begun + 6_000]);
  expect(server.requests.map(({ payload }) => payload)).toEqual(Array(2).fill({ name: '/x', waitMs: 5_000 }));

  server.requests.length = 0;
  server.hangs = true;
  const never = registry.start('/x', anyContext);
  const refused = expect(never).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  await runtime.advance(70_000);
  await refused;
  expect(requestTimes()).toHaveLength(10);
});

test('a start is not requested again after an immediate rejection or an abort', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.onLaunch = () => {
    throw new ClerkError('START_FAILED', 'The disk is full', { remainingMs: 1_000 });
  };
  await expect(registry.start('/x', anyContext)).rejects.toMatchObject({ code: 'START_FAILED' });
  expect(server.requests).toHaveLength(1);
  server.requests.length = 0;
  server.hangs = true;
  const controller = new AbortController();
  const started = registry.start('/x', { signal: controller.signal });
  const refused = expect(started).rejects.toThrow('Enough');
  await runtime.advance(5_500);
  controller.abort(new Error('Enough'));
  await refused;
  await runtime.advance(20_000);
  expect(server.requests).toHaveLength(1);
});

const outageRequests = [
  { what: 'a lookup', send: (registry: Required<Registry>) => lookup(registry, '/x') },
  { what: 'a start', send: (registry: Required<Registry>) => registry.start('/x', anyContext) },
];

test.each(outageRequests)('$what that begins during a restart of the registry succeeds', async ({ send }) => {
  for (const downMs of [10, 500, 1_000, 2_000, 2_400]) {
    const { runtime, servers, registry } = setup();
    const [server] = servers as [FakeRegistry];
    server.put('/x', ['x1']);
    server.onLaunch = () => [endpointMessage('x1')];
    server.isDown = true;
    const response = send(registry);
    await runtime.advance(downMs);
    server.isDown = false;
    const upAt = runtime.now();
    let settledAt = 0;
    const settled = Promise.resolve(response).then((value) => {
      settledAt = runtime.now();
      return value;
    });
    await runtime.advance(3_000);
    await settled;
    expect(settledAt - upAt).toBeLessThanOrEqual(600);
    // The delays grow from 50 to 500 ms.
    expect(server.requests.length).toBeLessThanOrEqual(14);
  }
});

test.each(outageRequests)(
  '$what fails after 3 s of an outage, and further ones at once',
  async ({ send }) => {
    const { runtime, servers, registry } = setup();
    const [server] = servers as [FakeRegistry];
    server.isDown = true;
    const downAt = runtime.now();
    let failedAt = 0;
    const failing = Promise.resolve(send(registry)).catch((error: unknown) => {
      failedAt = runtime.now();
      return error;
    });
    await runtime.advance(10_000);
    expect(await failing).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    expect(failedAt - downAt).toBeGreaterThanOrEqual(2_500);
    expect(failedAt - downAt).toBeLessThanOrEqual(3_100);
    for (let i = 0; i < 5; i++) {
      const sentAt = runtime.now();
      const requests = server.requests.length;
      const refused = expect(send(registry)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
      await runtime.advance(200);
      await refused;
      expect([server.requests.length - requests, runtime.now() - sentAt]).toEqual([1, 200]);
    }
    // Without requests in between, a later restart is a new outage.
    await runtime.advance(20_000);
    const later = send(registry);
    await runtime.advance(1_000);
    server.isDown = false;
    server.put('/x', ['x1']);
    server.onLaunch = () => [endpointMessage('x1')];
    await runtime.advance(1_000);
    await later;
  },
);

test('a lookup that is aborted during an outage is not repeated', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.isDown = true;
  const controller = new AbortController();
  const failing = expect(
    registry.resolve('/x', { signal: controller.signal, suspects: new Set() }),
  ).rejects.toThrow('Enough');
  await runtime.advance(100);
  controller.abort(new Error('Enough'));
  const sent = server.requests.length;
  await runtime.advance(5_000);
  await failing;
  expect(server.requests).toHaveLength(sent);
});

test('a list is read page by page from one server', async () => {
  const { servers, registry } = setup(2);
  const [a, b] = servers as [FakeRegistry, FakeRegistry];
  for (const name of ['/a', '/b', '/c', '/d', '/e']) a.put(name, []);
  b.put('/z', []);
  const names = (await registry.list('/*', anyContext)).map(({ name }) => name);
  expect(names).toEqual(['/a', '/b', '/c', '/d', '/e']);
  a.isDown = true;
  expect((await registry.list('/*', anyContext)).map(({ name }) => name)).toEqual(['/z']);
});

test('pages are sorted by name, with / before all other characters', async () => {
  const { servers, registry } = setup();
  for (const name of ['/a-b', '/a', '/a/y', '/a/z', '/a-c']) servers[0]!.put(name, []);
  const names = (await registry.list('/**', anyContext)).map(({ name }) => name);
  expect(names).toEqual(['/a', '/a/y', '/a/z', '/a-b', '/a-c']);
});

test('all watches share one stream, with one edit request per turn', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.put('/x', ['x1']);
  const all = recordWatch(registry, '/**');
  const one = recordWatch(registry, '/x');
  const none = recordWatch(registry, '/y');
  await runtime.advance(openMs);
  expect(server.requests.map(({ path }) => path)).toEqual(['/v1/watch']);
  expect([all.seen, one.seen, none.seen]).toEqual([[{ '/x': 'x1' }], [{ '/x': 'x1' }], [{ '/y': '-' }]]);

  const more = [recordWatch(registry, '/z'), recordWatch(registry, '/w')];
  one.stop();
  await runtime.advance(openMs);
  expect(server.requests.slice(1).map(({ payload }) => payload)).toEqual([
    { watch: 'watch-1', remove: ['/x'] },
    { watch: 'watch-1', add: ['/z', '/w'] },
  ]);
  server.put('/z', ['z1']);
  await runtime.advance(openMs);
  expect(more[0]!.seen).toEqual([{ '/z': '-' }, { '/z': 'z1' }]);
  expect(all.seen.at(-1)).toEqual({ '/x': 'x1', '/z': 'z1' });
  expect(one.seen).toHaveLength(1);
  expect(server.streams.size).toBe(1);

  for (const { stop } of [all, none, ...more]) stop();
  await runtime.advance(openMs);
  expect(server.streams.size).toBe(0);
  expect(runtime.refTimers).toBe(0);
});

test('a second watch of a glob gets the current snapshot without a request', async () => {
  const { runtime, servers, registry } = setup();
  servers[0]!.put('/x', ['x1']);
  recordWatch(registry, '/x');
  await runtime.advance(openMs);
  const requestCount = servers[0]!.requests.length;
  const second = recordWatch(registry, '/x');
  expect(second.seen).toEqual([]);
  await runtime.advance(openMs);
  expect(second.seen).toEqual([{ '/x': 'x1' }]);
  expect(servers[0]!.requests).toHaveLength(requestCount);
});

test('a watch that is ended and added again before the server was informed starts from scratch', async () => {
  const { runtime, servers, registry } = setup();
  servers[0]!.put('/x', ['x1']);
  recordWatch(registry, '/**');
  const first = recordWatch(registry, '/x');
  await runtime.advance(openMs);
  first.stop();
  const again = recordWatch(registry, '/x');
  await runtime.advance(openMs);
  expect(again.seen).toEqual([{ '/x': 'x1' }]);
  servers[0]!.put('/x', ['x2']);
  await runtime.advance(openMs);
  expect(again.seen.at(-1)).toEqual({ '/x': 'x2' });
});

test('a broken stream resumes or is resynchronized, and the last snapshot stays valid until then', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.put('/x', ['x1']);
  const { seen, errors } = recordWatch(registry, '/*');
  await runtime.advance(openMs);
  server.dropStreams();
  await runtime.advance(500);
  expect(server.requests.at(-1)?.payload).toMatchObject({ since: { incarnation: 'first', revision: '1' } });
  expect(seen).toEqual([{ '/x': 'x1' }]);

  server.dropStreams();
  server.put('/y', ['y1']);
  server.remove('/x');
  await runtime.advance(500);
  expect(seen).toEqual([{ '/x': 'x1' }, { '/y': 'y1' }]);
  expect(errors).toEqual([]);
});

test('a server that restarted without data is resynchronized', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.put('/x', ['x1']);
  const { seen } = recordWatch(registry, '/*');
  await runtime.advance(openMs);
  server.restartEmpty();
  await runtime.advance(500);
  expect(server.requests.at(-1)?.payload).toMatchObject({ since: { incarnation: 'first' } });
  expect(seen.at(-1)).toEqual({});
  server.put('/x', ['x2']);
  await runtime.advance(openMs);
  expect(seen.at(-1)).toEqual({ '/x': 'x2' });
});

test('after a resync a snapshot is reported only when it is complete', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.put('/x', ['x1']);
  server.put('/y', ['y1']);
  const { seen } = recordWatch(registry, '/*');
  await runtime.advance(openMs);
  server.resync();
  await runtime.advance(openMs);
  expect(seen).toEqual([
    { '/x': 'x1', '/y': 'y1' },
    { '/x': 'x1', '/y': 'y1' },
  ]);
});

test('a link watched by name is resolved; with wildcards it is a link, or has no entry', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  const snapshots: any[] = [];
  const byName = new Map<string, any>();
  registry.watch('/**', (snapshot) =>
    snapshots.push(Object.fromEntries(snapshot as ReadonlyMap<string, any>)),
  );
  for (const name of ['/a', '/a/b'])
    registry.watch(name, (snapshot) => byName.set(name, (snapshot as ReadonlyMap<string, any>).get(name)));
  await runtime.advance(openMs);
  const [stream] = [...server.streams];
  const trail = [{ name: '/a', kind: 'link', guaranteedMs: 5_000 }];
  const behind = {
    kind: 'service',
    endpoints: [endpointMessage('c1')],
    policy: null,
    launchable: false,
    guaranteedMs: 5_000,
    ttlMs: 5_000,
    revision: '1',
    incarnation: 'first',
    path: trail,
  };
  const put = (name: string, canonical: string): void =>
    stream!.listener.onEvent({
      type: 'put',
      id: 'first:1',
      data: { name, entry: { ...behind, name, canonical } },
    });
  put('/a', '/c');
  put('/a/b', '/c/b');
  await runtime.advance(openMs);
  expect(snapshots.at(-1)).toEqual({
    '/a': { kind: 'link', target: '/c', guaranteedMs: 5_000, statedAt: expect.any(Number) as number },
  });
  expect(byName.get('/a')).toMatchObject({ kind: 'bound', canonical: '/c' });
  expect(byName.get('/a/b')).toMatchObject({ kind: 'bound', canonical: '/c/b' });
});

test('a resync may go back to an earlier position', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.put('/x', ['x1']);
  const { seen } = recordWatch(registry, '/*');
  await runtime.advance(openMs);
  const [stream] = [...server.streams];
  stream!.listener.onEvent({ type: 'resync', id: 'first:0', data: { reason: 'a gap' } });
  stream!.listener.onEvent({ type: 'current', id: 'first:1', data: { globs: ['/*'] } });
  await runtime.advance(openMs);
  expect(seen).toEqual([{ '/x': 'x1' }, {}]);
  expect(server.streams.size).toBe(1);
});

test('a stream without bytes for 2.5 heartbeat intervals is reopened', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.heartbeatMs = 1_000;
  const { seen } = recordWatch(registry, '/*');
  await runtime.advance(openMs);
  for (let beat = 0; beat < 10; beat++) {
    await runtime.advance(1_000);
    server.sendHeartbeat();
  }
  expect(server.requests).toHaveLength(1);
  server.hangs = true;
  await runtime.advance(2_499);
  server.hangs = false;
  server.put('/x', ['x1']);
  await runtime.advance(600);
  expect(server.requests).toHaveLength(1);
  server.hangs = true;
  await runtime.advance(2_500 - 600);
  server.hangs = false;
  await runtime.advance(500);
  expect(server.requests).toHaveLength(2);
  expect(seen.at(-1)).toEqual({ '/x': 'x1' });
});

test('each outage is reported once to each watch', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  const { errors } = recordWatch(registry, '/*');
  await runtime.advance(openMs);
  for (let outage = 1; outage <= 2; outage++) {
    server.isDown = true;
    server.dropStreams();
    await runtime.advance(60_000);
    expect(errors).toHaveLength(outage);
    server.isDown = false;
    await runtime.advance(5_000);
  }
  expect(errors[0]).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('a watch fails over to another server, which sends a complete snapshot', async () => {
  const { runtime, servers, registry } = setup(2);
  const [a, b] = servers as [FakeRegistry, FakeRegistry];
  b.incarnation = 'other';
  a.put('/x', ['a1']);
  b.put('/x', ['b1']);
  const { seen, errors } = recordWatch(registry, '/*');
  await runtime.advance(openMs);
  a.isDown = true;
  a.dropStreams();
  await runtime.advance(1_000);
  expect(seen).toEqual([{ '/x': 'a1' }, { '/x': 'b1' }]);
  expect(errors).toEqual([]);
});

test('a revision that goes back within an incarnation causes a resync', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.put('/x', ['x1']);
  const { seen } = recordWatch(registry, '/*');
  await runtime.advance(openMs);
  const [stream] = [...server.streams];
  stream!.listener.onEvent({ type: 'delete', id: 'first:0', data: { name: '/x' } });
  server.streams.clear();
  expect(seen).toEqual([{ '/x': 'x1' }]);
  await runtime.advance(500);
  expect(server.requests.at(-1)?.payload).toEqual({ globs: ['/*'] });
  expect(seen.at(-1)).toEqual({ '/x': 'x1' });
});

test('more globs than fit in one request are sent in several', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  const long = 'a'.repeat(60);
  const watches = Array.from({ length: 2_000 }, (_, i) => recordWatch(registry, `/${long}/n${i}`));
  await runtime.advance(openMs);
  for (const { payload } of server.requests)
    expect(JSON.stringify(payload).length).toBeLessThanOrEqual(65_536);
  expect(server.requests.length).toBeGreaterThan(2);
  expect(watches.every(({ seen }) => seen.length === 1)).toBe(true);
});

test('after a break the globs of later requests are resynchronized too', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  const long = 'a'.repeat(60);
  const last = `/${long}/n1999`;
  server.put(last, ['x1']);
  const watches = Array.from({ length: 2_000 }, (_, i) => recordWatch(registry, `/${long}/n${i}`));
  await runtime.advance(openMs);
  expect(watches.at(-1)?.seen).toEqual([{ [last]: 'x1' }]);
  server.dropStreams();
  server.remove(last);
  await runtime.advance(500);
  expect(watches.at(-1)?.seen.at(-1)).toEqual({ [last]: '-' });
});

test('a closed registry does not reopen its stream', async () => {
  const { runtime, servers, registry } = setup();
  recordWatch(registry, '/*');
  await runtime.advance(openMs);
  await registry.close();
  servers[0]!.put('/x', ['x1']);
  await runtime.advance(60_000);
  expect(servers[0]!.streams.size).toBe(0);
  expect(servers[0]!.requests).toHaveLength(1);
});

test.each([200, 3_000, 20_000])(
  '1,000 clerks that lost their server for %i ms reconnect at different times',
  async (downMs) => {
    const runtime = createFakeRuntime({ seed: 11 });
    const server = new FakeRegistry(runtime);
    const clerks = Array.from({ length: 1_000 }, () => registryOver([server], runtime));
    for (const clerk of clerks) recordWatch(clerk, '/x');
    await runtime.advance(openMs);
    server.isDown = true;
    server.dropStreams();
    await runtime.advance(downMs);
    server.isDown = false;
    const from = runtime.now();
    server.requests.length = 0;
    await runtime.advance(12_000);
    expect(server.streams.size).toBe(1_000);
    const perSecond = new Map<number, number>();
    for (const { at } of server.requests) {
      const second = Math.floor((at - from) / 1_000);
      perSecond.set(second, (perSecond.get(second) ?? 0) + 1);
    }
    // The lookups of 1,000 clerks with four names each are 1,000 requests a second.
    expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(1_000);
    if (downMs >= 3_000) expect(Math.max(...perSecond.values())).toBeLessThanOrEqual(500);
  },
);

test('a guarantee in a late event counts from when the server sent the event', async () => {
  const { runtime, servers, registry } = setup();
  const [server] = servers as [FakeRegistry];
  server.put('/x', ['x1']);
  server.streamDelayMs = 2_000;
  const statedAt: unknown[] = [];
  registry.watch('/x', (snapshot) => {
    const entry = (snapshot as ReadonlyMap<string, { statedAt?: number }>).get('/x');
    statedAt.push(entry?.statedAt);
  });
  await runtime.advance(openMs);
  const openedAt = runtime.now();
  await runtime.advance(5_000);
  const changedAt = runtime.now();
  server.put('/x', ['x2']);
  await runtime.advance(2_000);
  expect(statedAt).toEqual([openedAt, changedAt]);
});
