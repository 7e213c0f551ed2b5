/** Loads that arrive with renewals: shown by lookups, not sent to watches, not stored. */
import { expect, test } from 'vitest';
import type { Load } from '../../../src/core/load-report.js';
import {
  registration,
  localCaller,
  recordWatch,
  nameServerHarness,
  type NameServerHarness,
} from './name-server-harness.js';

const load = (utilization: number, callsPerSecond = 0, errorsPerSecond = 0): Load => ({
  utilization,
  callsPerSecond,
  errorsPerSecond,
});

/** A name server with two endpoints of one service. */
async function twoEndpoints(leaseMs = 10_000): Promise<NameServerHarness> {
  const harness = await nameServerHarness();
  for (const id of ['a', 'b']) await harness.names.register(registration('/s', id, { leaseMs }), localCaller);
  return harness;
}

function renew(harness: NameServerHarness, id: string, sent?: Load): void {
  const epoch = id === 'a' ? 1 : 2;
  const renewals = [{ name: '/s', id, epoch, ...(sent && { load: sent }) }];
  expect(harness.names.renew({ renewals }).results).toEqual(['renewed']);
}

/** The loads of all instances, as a lookup shows them. */
function loads(harness: NameServerHarness, name = '/s'): Record<string, Load | undefined> {
  return Object.fromEntries(harness.names.resolve(name).endpoints.map(({ id, load: shown }) => [id, shown]));
}

test('a lookup shows the load of the last renewal', async () => {
  const harness = await twoEndpoints();
  expect(loads(harness)).toEqual({ a: undefined, b: undefined });
  await harness.runtime.advance(2_000);
  renew(harness, 'a', load(0.4, 120, 2));
  renew(harness, 'b');
  expect(loads(harness)).toEqual({ a: load(0.4, 120, 2), b: undefined });
  expect(harness.names.resolve('/s').endpoints[1]).not.toHaveProperty('load');
});

test('a lookup through a link shows it too', async () => {
  const harness = await twoEndpoints();
  await harness.names.link({ name: '/alias', target: '/s' });
  expect(loads(harness, '/alias').a).toBeUndefined();
  await harness.runtime.advance(2_000);
  renew(harness, 'a', load(0.4));
  expect(loads(harness, '/alias').a).toEqual(load(0.4));
});

test('small changes are ignored until they add up', async () => {
  const harness = await twoEndpoints();
  const renewWith = async (sent: Load): Promise<Load | undefined> => {
    await harness.runtime.advance(2_000);
    renew(harness, 'a', sent);
    renew(harness, 'b', load(0));
    return loads(harness).a;
  };
  expect(await renewWith(load(0.4, 100))).toEqual(load(0.4, 100));
  expect(await renewWith(load(0.43, 120))).toEqual(load(0.4, 100));
  expect(await renewWith(load(0.46, 120))).toEqual(load(0.46, 120));
  expect(await renewWith(load(0.46, 200))).toEqual(load(0.46, 200));
  expect(await renewWith(load(0.46, 200, 30))).toEqual(load(0.46, 200, 30));
});

test('a lookup is rebuilt at most every 2 s for loads, and at once for changes', async () => {
  const harness = await twoEndpoints();
  await harness.runtime.advance(2_000);
  renew(harness, 'a', load(0.4));
  expect(loads(harness).a).toEqual(load(0.4));
  renew(harness, 'a', load(0.9));
  expect(loads(harness).a).toEqual(load(0.4));
  await harness.runtime.advance(1_999);
  expect(loads(harness).a).toEqual(load(0.4));
  await harness.runtime.advance(1);
  expect(loads(harness).a).toEqual(load(0.9));
  renew(harness, 'a', load(0.2));
  await harness.names.register(registration('/s', 'c'), localCaller);
  expect(loads(harness).a).toEqual(load(0.2));
});

test('the same JSON is returned while nothing has changed', async () => {
  const harness = await twoEndpoints();
  renew(harness, 'a', load(0.4));
  const json = harness.names.resolveJson('/s');
  await harness.runtime.advance(3_000);
  renew(harness, 'a', load(0.42));
  renew(harness, 'b');
  expect(harness.names.resolveJson('/s')).toBe(json);
  expect(JSON.parse(json ?? '')).toEqual(harness.names.resolve('/s'));
});

test('a renewal without a load removes the load', async () => {
  const harness = await twoEndpoints();
  renew(harness, 'a', load(0.4));
  expect(loads(harness).a).toEqual(load(0.4));
  await harness.runtime.advance(2_000);
  renew(harness, 'a');
  expect(loads(harness).a).toBeUndefined();
});

test('loads of endpoints that renew less often than every 20 s are ignored', async () => {
  const harness = await twoEndpoints(60_001);
  renew(harness, 'a', load(0.4));
  expect(loads(harness).a).toBeUndefined();
  const atLimit = await twoEndpoints(60_000);
  renew(atLimit, 'a', load(0.4));
  expect(loads(atLimit).a).toEqual(load(0.4));
});

test('a load is not stored, not sent to watches, and does not increment the revision', async () => {
  const harness = await twoEndpoints();
  const watch = recordWatch(harness.names, ['/s', '/**']);
  await harness.runtime.advance(10);
  watch.lines();
  const [batches, { revision }] = [harness.store.batches.length, harness.names.status()];
  for (let i = 0; i < 10; i++) {
    await harness.runtime.advance(2_000);
    renew(harness, 'a', load(i / 10));
    renew(harness, 'b', load(0));
    expect(loads(harness).a).toEqual(load(i / 10));
  }
  await harness.runtime.advance(0);
  expect(watch.lines().filter((line) => !line.startsWith('heartbeat'))).toEqual([]);
  expect([harness.store.batches.length, harness.names.status().revision]).toEqual([batches, revision]);
});

test('the event of another change shows the present loads', async () => {
  const harness = await twoEndpoints();
  const watch = recordWatch(harness.names, ['/s']);
  await harness.runtime.advance(10);
  renew(harness, 'a', load(0.7));
  watch.received.splice(0);
  await harness.names.register(registration('/s', 'c'), localCaller);
  await harness.runtime.advance(0);
  expect(watch.received.map(({ event }) => event)).toEqual([
    expect.objectContaining({
      type: 'put',
      entry: expect.objectContaining({
        endpoints: expect.arrayContaining([expect.objectContaining({ id: 'a', load: load(0.7) })]) as object,
      }) as object,
    }),
  ]);
});
