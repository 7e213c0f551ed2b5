/** The reports of a clerk from its calls and probes, and the effect of suspect flags on its picks. In virtual time. */
import { createClerk } from 'binding-clerk';
import type { Registry, HealthReport } from 'binding-clerk/extend';
import { createFakeRuntime } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { createMemoryNetwork } from '../../src/testing/memory/memory-network.js';

const name = '/shop/orders';

function setup() {
  const runtime = createFakeRuntime({ seed: 11 });
  const network = createMemoryNetwork(runtime, { latencyMs: 0.5 });
  runtime.transport = network.transport;
  const servers = { a: network.server('http://a'), b: network.server('http://b') };
  const sent: { readonly at: number; readonly text: string }[] = [];
  const state = { suspects: [] as readonly string[], healthQueried: [] as readonly string[], fails: false };
  const registry: Registry = {
    resolve: () => ({
      kind: 'bound',
      ttlMs: 1_000,
      endpoints: ['a', 'b'].map((id) => ({
        id,
        epoch: 3,
        address: `http://${id}`,
        state: state.suspects.includes(id) ? 'suspect' : 'up',
      })),
      healthQueried: state.healthQueried,
    }),
    report({ reports }: HealthReport) {
      const text = reports.map(({ id, epoch, verdict }) => `${id}${String(epoch)} ${verdict}`);
      sent.push({ at: runtime.now(), text: text.join() });
      if (state.fails) throw new Error('away');
    },
  };
  const clerk = createClerk({ registry, runtime });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind(name, { policy: 'round-robin' });
  /** Makes ten calls a second. */
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
  return { runtime, servers, sent, state, clerk, orders, call };
}

test('a refusing endpoint is reported while probes fail, and its recovery soon after', async () => {
  const { servers, sent, call, runtime } = setup();
  await call(3_000);
  expect(sent).toEqual([]);
  servers.b.kill();
  const from = runtime.now();
  expect(await call(40_000)).toBe(0);
  expect(new Set(sent.map(({ text }) => text))).toEqual(new Set(['b3 unreachable']));
  expect(sent[0]!.at - from).toBeLessThanOrEqual(2_500);
  expect(runtime.now() - sent.at(-1)!.at).toBeLessThanOrEqual(5_500);
  sent.length = 0;
  servers.b.accept();
  // The next probe, and one second.
  await call(8_000);
  expect(sent.map(({ text }) => text).filter((text) => text.includes(' reachable'))).toEqual([
    'b3 reachable',
  ]);
  sent.length = 0;
  await call(10_000);
  expect(sent).toEqual([]);
});

test('a recovery is reported earlier than the next repetition', async () => {
  const delays: number[] = [];
  for (let round = 0; round < 5; round++) {
    const { servers, sent, call, clerk, runtime } = setup();
    await call(1_000 + 130 * round);
    servers.b.kill();
    await call(2_500);
    let revivedAt = 0;
    clerk.on('revived', () => (revivedAt = runtime.now()));
    servers.b.accept();
    await call(8_000);
    const back = sent.find(({ text }) => text === 'b3 reachable');
    delays.push(back!.at - revivedAt);
  }
  expect(Math.max(...delays)).toBeLessThanOrEqual(1_400);
});

test('a clerk without calls stops reporting', async () => {
  const { servers, sent, call, runtime } = setup();
  await call(2_000);
  servers.b.kill();
  await call(2_000);
  await runtime.advance(30_000);
  sent.length = 0;
  await runtime.advance(60_000);
  expect(sent).toEqual([]);
});

test('only queried endpoints are reported', async () => {
  const { sent, call, state } = setup();
  await call(2_000);
  state.healthQueried = ['b'];
  await call(10_000);
  expect(sent.length).toBeGreaterThanOrEqual(2);
  expect(new Set(sent.map(({ text }) => text))).toEqual(new Set(['b3 reachable']));
  state.healthQueried = [];
  await call(2_000);
  sent.length = 0;
  await call(10_000);
  expect(sent).toEqual([]);
});

test('a clerk that reaches a suspect endpoint avoids it, reports it reachable, and uses it as a last resort', async () => {
  const { servers, sent, call, state, orders, clerk } = setup();
  const events: string[] = [];
  clerk.on('suspect', ({ endpoint, reason }) => events.push(`${endpoint} ${reason}`));
  await call(2_000);
  state.suspects = state.healthQueried = ['b'];
  await call(2_000);
  const before = servers.b.requests;
  await call(5_000);
  expect(servers.b.requests).toBe(before);
  expect(sent[0]!.text).toBe('b3 reachable');
  expect(events).toEqual(['b registry']);
  expect(orders.explain().leftOut).toMatchObject([
    {
      endpoint: { id: 'b' },
      reason: 'suspect according to the registry: used only as a last resort',
    },
  ]);
  servers.a.kill();
  expect(await call(5_000)).toBe(0);
  expect(servers.b.requests).toBeGreaterThan(before);
});

test('a registry that rejects reports fails no call', async () => {
  const { servers, sent, call, state } = setup();
  state.fails = true;
  await call(1_000);
  servers.b.kill();
  expect(await call(20_000)).toBe(0);
  expect(sent.length).toBeGreaterThan(2);
});
