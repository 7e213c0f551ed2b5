import { expect, test } from 'vitest';
import { codeOf, localCaller, nameServerHarness, recordWatch, registration } from './name-server-harness.js';

const logger = () => {
  const errors: string[] = [];
  const log = (text: string): void => void errors.push(text);
  const ignore = (): void => undefined;
  return { errors, logger: { debug: ignore, info: ignore, warn: log, error: log } };
};

test('leases end while the store cannot be written', async () => {
  const { names, store, runtime } = await nameServerHarness();
  await names.register(registration('/s', 'dies', { leaseMs: 5_000 }), localCaller);
  const { epoch } = await names.register(registration('/s', 'lives', { leaseMs: 600_000 }), localCaller);
  const watch = recordWatch(names, ['/s']);
  await runtime.advance(100);
  watch.lines();
  store.failure = new Error('ENOSPC: no space left on device');
  await runtime.advance(20_000);
  expect(names.resolve('/s')).toMatchObject({ endpoints: [{ id: 'lives' }] });
  expect(watch.lines().filter((line) => line.startsWith('/s'))).toEqual(['/s = [lives]']);
  expect(names.expiredRegistrations).toBe(1);
  expect(names.renew({ renewals: [{ name: '/s', id: 'lives', epoch }] })).toMatchObject({ results: [{}] });
});

test('an endpoint that withdraws while the store cannot be written is not acknowledged, and gone', async () => {
  for (const now of [true, false]) {
    const { names, store, runtime } = await nameServerHarness();
    const { epoch } = await names.register(registration('/s', 'i'), localCaller);
    await names.register(registration('/s', 'j', { leaseMs: 600_000 }), localCaller);
    store.failure = new Error('ENOSPC');
    for (let i = 0; i < 2; i++)
      expect(await codeOf(names.withdraw({ name: '/s', id: 'i', epoch, now }))).toBe('REGISTRY_UNREACHABLE');
    const { endpoints } = names.resolve('/s') as unknown as { endpoints: { id: string; state: string }[] };
    expect(endpoints.filter(({ state }) => state === 'up').map(({ id }) => id)).toEqual(['j']);
    await runtime.advance(60_000);
    expect(names.resolve('/s')).toMatchObject({ endpoints: [{ id: 'j' }] });
  }
});

test('the failure is logged once, and the status names the broken part', async () => {
  const { errors, logger: log } = logger();
  const { names, store, runtime } = await nameServerHarness({ logger: log });
  await names.define({ name: '/a' });
  expect(names.status().problems).toBeUndefined();
  store.failure = new Error('ENOSPC: no space left on device');
  for (const name of ['/b', '/c', '/d'])
    expect(await codeOf(names.define({ name }))).toBe('REGISTRY_UNREACHABLE');
  expect(errors).toEqual([
    'The server is read-only, because its store failed: ENOSPC: no space left on device; the server accepts changes again about 1 s after the store can be written. Lookups continue. If the store is a data folder, they do not show ended endpoints',
  ]);
  expect(names.status()).toMatchObject({
    degraded: true,
    problems: [{ part: 'store', message: expect.stringContaining('no space left') as string }],
  });
  await runtime.advance(60_000);
  store.failure = undefined;
  await runtime.advance(1_000);
  expect(errors.slice(1)).toEqual([
    'The store of the registry can be written again. The server accepts changes again',
  ]);
  expect(names.status()).toMatchObject({ degraded: false });
});

test('ends of endpoints are saved when the store can be written again, with one revision for all', async () => {
  const harness = await nameServerHarness();
  const { names, store, runtime } = harness;
  for (const id of ['ends', 'ends-later'])
    await names.register(registration('/s', id, { leaseMs: 5_000 }), localCaller);
  await names.register(registration('/s', 'lives', { leaseMs: 600_000 }), localCaller);
  store.failure = new Error('ENOSPC');
  await runtime.advance(20_000);
  const { revision } = names.status();
  store.failure = undefined;
  await runtime.advance(1_000);
  expect(names.status()).toMatchObject({ degraded: false, revision });
  expect(store.records.get('m revision')).toBe(revision);
  expect([...store.records.keys()].filter((key) => key.startsWith('p '))).toEqual(['p /s lives']);
  await names.register(registration('/s', 'new', { leaseMs: 600_000 }), localCaller);
  const shown = names.resolve('/s');
  expect(shown).toMatchObject({ endpoints: [{ id: 'lives' }, { id: 'new' }] });
  await harness.restart();
  expect(harness.names.resolve('/s')).toMatchObject({ endpoints: [{ id: 'lives' }, { id: 'new' }] });
});

test('scheduled changes and removals that were rejected are made after the recovery', async () => {
  const { names, store, runtime } = await nameServerHarness();
  await names.define({ name: '/s', guaranteedMs: 1_000 });
  const { epoch } = await names.register(registration('/implicit', 'i'), localCaller);
  await names.withdraw({ name: '/implicit', id: 'i', epoch, now: true });
  names.resolve('/s');
  await names.remove({ name: '/s', whenExpired: true });
  store.failure = new Error('ENOSPC');
  await runtime.advance(400_000);
  for (const name of ['/s', '/implicit']) expect(names.resolve(name)).toMatchObject({ kind: 'service' });
  store.failure = undefined;
  await runtime.advance(2_000);
  expect(names.list('/**', undefined, 9).entries).toMatchObject([{ name: '/implicit' }]);
  await runtime.advance(310_000);
  expect(names.list('/**', undefined, 9).entries).toEqual([]);
});

test('after a restart no client sees a lower revision', async () => {
  const harness = await nameServerHarness();
  const { names, store, runtime } = harness;
  for (const id of ['a', 'b', 'c'])
    await names.register(registration('/s', id, { leaseMs: 5_000 }), localCaller);
  store.failure = new Error('ENOSPC');
  await runtime.advance(30_000);
  const { revision, incarnation } = names.status();
  store.failure = undefined;
  await harness.restart();
  expect(harness.names.status()).toMatchObject({ incarnation });
  expect(Number(harness.names.status().revision)).toBeGreaterThan(Number(revision));
});

test('structure does not change while the store cannot be written', async () => {
  const { names, store, runtime } = await nameServerHarness();
  await names.define({ name: '/s', guaranteedMs: 1_000 });
  names.resolve('/s');
  await names.remove({ name: '/s', whenExpired: true });
  store.failure = new Error('ENOSPC');
  await runtime.advance(60_000);
  expect(names.resolve('/s')).toMatchObject({ kind: 'service' });
});
