/** A whole clerk in virtual time: what its calls and probes have it say, and what marks do to its choice. */
import { createClerk } from 'binding-clerk';
import type { Registry, HealthReport } from 'binding-clerk/extend';
import { createFakeRuntime } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createMemoryNetwork } from '../../src/testing/memory/memory-network.js';

const name = '/shop/orders';

function world() {
  const runtime = createFakeRuntime({ seed: 11 });
  const network = createMemoryNetwork(runtime, { latencyMs: 0.5 });
  runtime.transport = network.transport;
  const servers = { a: network.server('http://a'), b: network.server('http://b') };
  const said: { readonly at: number; readonly words: string }[] = [];
  const state = { marked: [] as readonly string[], healthQueried: [] as readonly string[], fails: false };
  const registry: Registry = {
    resolve: () => ({
      kind: 'bound',
      ttlMs: 1_000,
      endpoints: ['a', 'b'].map((id) => ({
        id,
        epoch: 3,
        address: `http://${id}`,
        state: state.marked.includes(id) ? 'suspect' : 'up',
      })),
      healthQueried: state.healthQueried,
    }),
    report({ reports }: HealthReport) {
      const words = reports.map(({ id, epoch, verdict }) => `${id}${String(epoch)} ${verdict}`);
      said.push({ at: runtime.now(), words: words.join() });
      if (state.fails) throw new Error('away');
    },
  };
  const clerk = createClerk({ registry, runtime });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind(name, { policy: 'round-robin' });
  /** Calls ten times a second. */
  const call = async (ms: number): Promise<number> => {
    let failed = 0;
    for (let passed = 0; passed < ms; passed += 100) {
      void orders.request({ path: '/' }).then(
        ({ body }) => body.resume(),
        () => failed++,
      );
      await runtime.advance(100);
    }
    return failed;
  };
  return { runtime, servers, said, state, clerk, orders, call };
}

test('who refuses is reported for as long as it does, though only probes still ask it, and taken back soon', async () => {
  const { servers, said, call, runtime } = world();
  await call(3_000);
  expect(said).toEqual([]);
  servers.b.kill();
  const from = runtime.now();
  expect(await call(40_000)).toBe(0);
  expect(new Set(said.map(({ words }) => words))).toEqual(new Set(['b3 unreachable']));
  expect(said[0]!.at - from).toBeLessThanOrEqual(2_500);
  expect(runtime.now() - said.at(-1)!.at).toBeLessThanOrEqual(5_500);
  said.length = 0;
  servers.b.accept();
  // The next probe, and a second.
  await call(8_000);
  expect(said.map(({ words }) => words).filter((words) => words.includes(' reachable'))).toEqual([
    'b3 reachable',
  ]);
  said.length = 0;
  await call(10_000);
  expect(said).toEqual([]);
});

test('it is taken back before it would be repeated', async () => {
  const delays: number[] = [];
  for (let round = 0; round < 5; round++) {
    const { servers, said, call, clerk, runtime } = world();
    await call(1_000 + 130 * round);
    servers.b.kill();
    await call(2_500);
    let revivedAt = 0;
    clerk.on('revived', () => (revivedAt = runtime.now()));
    servers.b.accept();
    await call(8_000);
    const back = said.find(({ words }) => words === 'b3 reachable');
    delays.push(back!.at - revivedAt);
  }
  expect(Math.max(...delays)).toBeLessThanOrEqual(1_400);
});

test('a clerk that does not call any more has nothing to say', async () => {
  const { servers, said, call, runtime } = world();
  await call(2_000);
  servers.b.kill();
  await call(2_000);
  await runtime.advance(30_000);
  said.length = 0;
  await runtime.advance(60_000);
  expect(said).toEqual([]);
});

test('who is asked about is spoken of, without a word about the others', async () => {
  const { said, call, state } = world();
  await call(2_000);
  state.healthQueried = ['b'];
  await call(10_000);
  expect(said.length).toBeGreaterThanOrEqual(2);
  expect(new Set(said.map(({ words }) => words))).toEqual(new Set(['b3 reachable']));
  state.healthQueried = [];
  await call(2_000);
  said.length = 0;
  await call(10_000);
  expect(said).toEqual([]);
});

test('a mark is honoured also by a clerk that reaches whom it is on, which says so; with nobody else it is called', async () => {
  const { servers, said, call, state, orders, clerk } = world();
  const heard: string[] = [];
  clerk.on('suspect', ({ endpoint, reason }) => heard.push(`${endpoint} ${reason}`));
  await call(2_000);
  state.marked = state.healthQueried = ['b'];
  await call(2_000);
  const before = servers.b.requests;
  await call(5_000);
  expect(servers.b.requests).toBe(before);
  expect(said[0]!.words).toBe('b3 reachable');
  expect(heard).toEqual(['b marked']);
  expect(orders.explain().leftOut).toMatchObject([
    {
      endpoint: { id: 'b' },
      why: 'suspect, says the registry to all clerks: used only if there is nothing else',
    },
  ]);
  servers.a.kill();
  expect(await call(5_000)).toBe(0);
  expect(servers.b.requests).toBeGreaterThan(before);
});

test('a registry that fails at reports fails no call', async () => {
  const { servers, said, call, state } = world();
  state.fails = true;
  await call(1_000);
  servers.b.kill();
  expect(await call(20_000)).toBe(0);
  expect(said.length).toBeGreaterThan(2);
});
