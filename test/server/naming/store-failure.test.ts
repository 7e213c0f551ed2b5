import { expect, test } from 'vitest';
import { codeOf, localCaller, nameServerHarness, recordWatch, registration } from './name-server-harness.js';

const logger = () => {
  const errors: string[] = [];
  const ignore = (): void => undefined;
  return {
    errors,
    logger: { debug: ignore, info: ignore, warn: ignore, error: (text: string) => void errors.push(text) },
  };
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
  const { names, store } = await nameServerHarness({ logger: log });
  await names.define({ name: '/a' });
  expect(names.status().problems).toBeUndefined();
  store.failure = new Error('ENOSPC: no space left on device');
  for (const name of ['/b', '/c', '/d'])
    expect(await codeOf(names.define({ name }))).toBe('REGISTRY_UNREACHABLE');
  expect(errors).toEqual([
    'The registry is read-only, because its store failed: ENOSPC: no space left on device. Lookups continue, and ended endpoints are removed; every other change is rejected until the restart',
  ]);
  expect(names.status()).toMatchObject({
    degraded: true,
    problems: [{ part: 'store', message: expect.stringContaining('repair the disk') as string }],
  });
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
