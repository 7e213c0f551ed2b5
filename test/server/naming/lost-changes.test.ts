/** A registry whose data was replaced by an older copy, and clients that have seen what it lost. */
import { expect, test } from 'vitest';
import {
  ControllableStore,
  localCaller,
  nameServerHarness,
  recordWatch,
  registration,
  type NameServerHarness,
} from './name-server-harness.js';

/** Returns a registry that has run, with a copy of its records, and the later position that clients have seen. */
async function runWithBackup(changesBefore = 3, changesAfter = 5) {
  const first = await nameServerHarness();
  for (let i = 0; i < changesBefore; i++) await first.names.define({ name: `/kept/s${i}` });
  await first.names.register(registration('/shop/orders', 'orders-1'), localCaller);
  const backup = new Map(first.store.records);
  const before = first.names.position;
  for (let i = 0; i < changesAfter; i++) await first.names.define({ name: `/lost/s${i}` });
  await first.names.register(registration('/shop/orders', 'orders-2'), localCaller);
  const seen = first.names.position;
  await first.names.close();
  return { first, backup, before, seen };
}

async function open(records: ReadonlyMap<string, string>, seed = 2): Promise<NameServerHarness> {
  const store = new ControllableStore();
  for (const [key, value] of records) store.records.set(key, value);
  return nameServerHarness({ store, seed });
}

test('a position of lost changes gives a new incarnation, which is durable before the answer', async () => {
  const { backup, seen, first } = await runWithBackup();
  const { names, store } = await open(backup);
  const { incarnation } = first.names.status();
  expect(names.status().incarnation).toBe(incarnation);
  const changing = names.checkPositions(seen);
  expect(changing).toBeInstanceOf(Promise);
  await changing;
  const next = names.status().incarnation;
  expect(next > incarnation).toBe(true);
  expect(store.records.get('m incarnation')).toBe(next);
  expect(names.resolve('/shop/orders')).toMatchObject({ incarnation: next, endpoints: [{ id: 'orders-1' }] });
  expect(names.checkPositions(seen)).toBeUndefined();
  const reopened = await open(store.records, 3);
  expect(reopened.names.status().incarnation).toBe(next);
  expect(reopened.names.checkPositions(seen)).toBeUndefined();
  expect(reopened.names.checkPositions(names.position)).toBeUndefined();
});

test('a registry that has caught up with the revisions it lost still notices', async () => {
  const { backup, seen } = await runWithBackup(1, 1);
  const { names } = await open(backup);
  for (let i = 0; i < 20; i++) await names.define({ name: `/other/s${i}` });
  const { incarnation, revision } = names.status();
  expect(Number(revision)).toBeGreaterThan(Number(seen.split(':')[1]));
  await names.checkPositions(seen);
  expect(names.status().incarnation).not.toBe(incarnation);
});

test('positions of the own history show no loss, before and after restarts', async () => {
  const { first, before, seen } = await runWithBackup();
  let { store } = first;
  for (let start = 0; start < 70; start++) {
    const harness: NameServerHarness = await open(store.records, start);
    expect(harness.names.checkPositions(before)).toBeUndefined();
    expect(harness.names.checkPositions(`${seen}, ${harness.names.position}`)).toBeUndefined();
    await harness.names.close();
    store = harness.store;
  }
});

test.each([
  ['another key', (seen: string) => seen.replace(/[0-9a-f]$/, (digit) => (digit === '0' ? '1' : '0'))],
  ['a higher revision', (seen: string) => seen.replace(/:[0-9]+:/, ':999999999:')],
  ['another incarnation', (seen: string) => seen.replace(/^[^:]*/, 'zzzzzzzzzzzzzzzz')],
  ['another run', (seen: string) => seen.replace(/:1-/, ':2-')],
  ['no mark', (seen: string) => seen.replace(/:[^:]*$/, '')],
  ['an empty text', () => ''],
  ['commas', () => ',,,,,'],
  ['a long text', () => 'a'.repeat(10_000)],
])('a forged position changes nothing: %s', async (_what, forge) => {
  const { backup, seen } = await runWithBackup();
  const { names, store } = await open(backup);
  const { incarnation } = names.status();
  const writes = store.batches.length;
  expect(names.checkPositions(forge(seen))).toBeUndefined();
  expect(names.status().incarnation).toBe(incarnation);
  expect(store.batches).toHaveLength(writes);
  await names.checkPositions(seen);
  expect(names.status().incarnation).not.toBe(incarnation);
});

test('concurrent requests share one new incarnation, and there is at most one a minute', async () => {
  const { backup, seen } = await runWithBackup();
  const { names, store, runtime } = await open(backup);
  const first = names.checkPositions(seen);
  expect(names.checkPositions(seen)).toBe(first);
  await first;
  const { incarnation } = names.status();
  // A second registry on a copy of the records has the same key.
  const other = await open(store.records, 3);
  await other.names.define({ name: '/other' });
  const foreign = other.names.position;
  expect(foreign).toMatch(incarnation);
  await runtime.advance(59_000);
  expect(names.checkPositions(foreign)).toBeUndefined();
  expect(names.status().incarnation).toBe(incarnation);
  await runtime.advance(1_001);
  await names.checkPositions(foreign);
  expect(names.status().incarnation > incarnation).toBe(true);
});

test('the new incarnation assigns higher epochs than the lost history', async () => {
  const { backup, seen, first } = await runWithBackup();
  const lostEpochs = [...first.store.records.values()].flatMap((value) =>
    [...value.matchAll(/"epoch":([0-9]+)/g)].map(([, digits]) => Number(digits)),
  );
  const { names } = await open(backup);
  const changing = names.checkPositions(seen);
  const sameBatch = names.register(registration('/shop/orders', 'orders-3'), localCaller);
  await changing;
  const later = await names.register(registration('/other', 'other-1'), localCaller);
  const highest = Math.max(...lostEpochs);
  expect((await sameBatch).epoch).toBeGreaterThan(highest);
  expect(later.epoch).toBeGreaterThan(highest);
  expect((await names.register(registration('/shop/orders', 'orders-4'), localCaller)).epoch).toBe(
    (await sameBatch).epoch + 1,
  );
});

test('the longest guarantee counts as just given', async () => {
  const { backup, seen } = await runWithBackup();
  const { names, runtime } = await open(backup);
  await names.define({ name: '/long', guaranteedMs: 30_000 });
  await names.define({ name: '/short', guaranteedMs: 0 });
  await runtime.advance(40_000);
  await names.checkPositions(seen);
  await expect(names.remove({ name: '/short' })).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY' });
  await runtime.advance(30_251);
  await names.remove({ name: '/short' });
});

test('an open watch receives resync in the new incarnation, and misses nothing after it', async () => {
  const { backup, seen } = await runWithBackup();
  const { names, runtime } = await open(backup);
  const before = names.status().incarnation;
  const positions: string[] = [];
  const watch = recordWatch(names, ['/**'], {
    onEvent: (event, revision, position) => {
      watch.received.push({ event, revision });
      positions.push(position);
    },
  });
  await runtime.advance(10);
  await names.define({ name: '/before' });
  watch.lines();
  await names.checkPositions(seen);
  await names.define({ name: '/after' });
  await runtime.advance(10);
  const { incarnation, revision } = names.status();
  expect(watch.lines().join()).toMatch(/^resync: .*,\/after = \[\],.*,current \/\*\*$/);
  expect([...new Set(positions.map((position) => position.split(':')[0]))]).toEqual([before, incarnation]);
  expect(names.checkPositions(positions.at(-1) ?? '')).toBeUndefined();
  const resumed = recordWatch(names, ['/after'], { since: { incarnation, revision } });
  await runtime.advance(10);
  expect(resumed.lines()[0]).toBe('open resumed');
});

test('while the store cannot be written, no new incarnation is taken and no unsaved revision has a mark', async () => {
  const { backup, seen } = await runWithBackup();
  const { names, store } = await open(backup);
  const saved = names.position;
  const { incarnation } = names.status();
  store.failure = new Error('EIO');
  await names.checkPositions(seen);
  expect(names.status()).toMatchObject({ incarnation, degraded: true });
  expect(names.position).toBe(saved);
});
