/** Loads that come with renewals: handed out with look-ups, told to no watch, and written nowhere. */
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

/** Two endpoints of one service. */
async function two(leaseMs = 10_000): Promise<NameServerHarness> {
  const made = await nameServerHarness();
  for (const id of ['a', 'b']) await made.names.register(registration('/s', id, { leaseMs }), localCaller);
  return made;
}

function renew(made: NameServerHarness, id: string, said?: Load): void {
  const epoch = id === 'a' ? 1 : 2;
  const renewals = [{ name: '/s', id, epoch, ...(said && { load: said }) }];
  expect(made.names.renew({ renewals }).results).toEqual(['renewed']);
}

/** Loads by instance, as a look-up shows them. */
function loads(made: NameServerHarness, name = '/s'): Record<string, Load | undefined> {
  return Object.fromEntries(made.names.resolve(name).endpoints.map(({ id, load: said }) => [id, said]));
}

test('what came with the last renewal is shown, of those that said anything', async () => {
  const made = await two();
  expect(loads(made)).toEqual({ a: undefined, b: undefined });
  await made.runtime.advance(2_000);
  renew(made, 'a', load(0.4, 120, 2));
  renew(made, 'b');
  expect(loads(made)).toEqual({ a: load(0.4, 120, 2), b: undefined });
  expect(made.names.resolve('/s').endpoints[1]).not.toHaveProperty('load');
});

test('it is shown behind links too', async () => {
  const made = await two();
  await made.names.link({ name: '/alias', target: '/s' });
  expect(loads(made, '/alias').a).toBeUndefined();
  await made.runtime.advance(2_000);
  renew(made, 'a', load(0.4));
  expect(loads(made, '/alias').a).toEqual(load(0.4));
});

test('what is hardly new is not taken, so that small steps are not missed in the end', async () => {
  const made = await two();
  const says = async (said: Load): Promise<Load | undefined> => {
    await made.runtime.advance(2_000);
    renew(made, 'a', said);
    renew(made, 'b', load(0));
    return loads(made).a;
  };
  expect(await says(load(0.4, 100))).toEqual(load(0.4, 100));
  expect(await says(load(0.43, 120))).toEqual(load(0.4, 100));
  expect(await says(load(0.46, 120))).toEqual(load(0.46, 120));
  expect(await says(load(0.46, 200))).toEqual(load(0.46, 200));
  expect(await says(load(0.46, 200, 30))).toEqual(load(0.46, 200, 30));
});

test('an answer is made again for loads every other second at most, and for changes at once', async () => {
  const made = await two();
  await made.runtime.advance(2_000);
  renew(made, 'a', load(0.4));
  expect(loads(made).a).toEqual(load(0.4));
  renew(made, 'a', load(0.9));
  expect(loads(made).a).toEqual(load(0.4));
  await made.runtime.advance(1_999);
  expect(loads(made).a).toEqual(load(0.4));
  await made.runtime.advance(1);
  expect(loads(made).a).toEqual(load(0.9));
  renew(made, 'a', load(0.2));
  await made.names.register(registration('/s', 'c'), localCaller);
  expect(loads(made).a).toEqual(load(0.2));
});

test('the same text is handed out again while nothing is new', async () => {
  const made = await two();
  renew(made, 'a', load(0.4));
  const text = made.names.resolveJson('/s');
  await made.runtime.advance(3_000);
  renew(made, 'a', load(0.42));
  renew(made, 'b');
  expect(made.names.resolveJson('/s')).toBe(text);
  expect(JSON.parse(text ?? '')).toEqual(made.names.resolve('/s'));
});

test('who says nothing any more is shown with nothing', async () => {
  const made = await two();
  renew(made, 'a', load(0.4));
  expect(loads(made).a).toEqual(load(0.4));
  await made.runtime.advance(2_000);
  renew(made, 'a');
  expect(loads(made).a).toBeUndefined();
});

test('who renews further apart than every 20 s is not believed, since it would be long ago', async () => {
  const made = await two(60_001);
  renew(made, 'a', load(0.4));
  expect(loads(made).a).toBeUndefined();
  const often = await two(60_000);
  renew(often, 'a', load(0.4));
  expect(loads(often).a).toEqual(load(0.4));
});

test('nothing is written, no watch is told, and the revision stays', async () => {
  const made = await two();
  const seen = recordWatch(made.names, ['/s', '/**']);
  await made.runtime.advance(10);
  seen.lines();
  const [batches, { revision }] = [made.store.batches.length, made.names.status()];
  for (let i = 0; i < 10; i++) {
    await made.runtime.advance(2_000);
    renew(made, 'a', load(i / 10));
    renew(made, 'b', load(0));
    expect(loads(made).a).toEqual(load(i / 10));
  }
  await made.runtime.advance(0);
  expect(seen.lines().filter((line) => !line.startsWith('heartbeat'))).toEqual([]);
  expect([made.store.batches.length, made.names.status().revision]).toEqual([batches, revision]);
});

test('an event for a change shows the loads of the moment', async () => {
  const made = await two();
  const seen = recordWatch(made.names, ['/s']);
  await made.runtime.advance(10);
  renew(made, 'a', load(0.7));
  seen.told.splice(0);
  await made.names.register(registration('/s', 'c'), localCaller);
  await made.runtime.advance(0);
  expect(seen.told.map(({ event }) => event)).toEqual([
    expect.objectContaining({
      type: 'put',
      entry: expect.objectContaining({
        endpoints: expect.arrayContaining([expect.objectContaining({ id: 'a', load: load(0.7) })]) as object,
      }) as object,
    }),
  ]);
});
