import { expect, test } from 'vitest';
import type { NameService } from '../../../src/server/ports.js';
import { registration, localCaller, nameServerHarness } from './name-server-harness.js';

const idsOf = (names: NameService, name: string): string[] =>
  names.resolve(name).endpoints.map(({ id }) => id);

test('a lease of any length expires neither early nor much too late', async () => {
  for (const leaseMs of [1_000, 1_001, 3_333, 10_000, 60_000, 600_000]) {
    const { names, runtime } = await nameServerHarness();
    await names.register(registration('/a', 'a', { leaseMs }), localCaller);
    await runtime.advance(leaseMs / 2);
    names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] });
    await runtime.advance(leaseMs);
    // It may expire from this instant on, and not before.
    await runtime.advance(leaseMs / 3 + 1_000);
    expect(idsOf(names, '/a'), `${leaseMs} ms`).toEqual([]);
  }
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'a', { leaseMs: 1_000 }), localCaller);
  for (let i = 0; i < 999; i++) {
    await runtime.advance(1);
    expect(idsOf(names, '/a')).toEqual(['a']);
  }
});

test('expired registrations are counted, withdrawn ones are not', async () => {
  const { names, runtime } = await nameServerHarness();
  for (const id of ['a', 'b', 'c']) await names.register(registration('/a', id), localCaller);
  await names.withdraw({ name: '/a', id: 'c', epoch: 3 });
  expect(names.expiredRegistrations).toBe(0);
  await runtime.advance(30_000);
  expect(idsOf(names, '/a')).toEqual([]);
  expect(names.expiredRegistrations).toBe(2);
});

test('jumps of the wall clock have no effect on leases', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'a'), localCaller);
  await names.register(registration('/a', 'b'), localCaller);
  for (const jump of [3_600_000, -7_200_000, 31_536_000_000, -63_072_000_000]) {
    runtime.shiftWallClock(jump);
    await runtime.advance(2_000);
    names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] });
    expect(idsOf(names, '/a')).toEqual(['a', 'b']);
  }
  await runtime.advance(4_000);
  expect(idsOf(names, '/a')).toEqual(['a']);
});

test('a restart starts every lease again in full', async () => {
  const harness = await nameServerHarness();
  await harness.names.register(registration('/a', 'a'), localCaller);
  await harness.runtime.advance(9_000);
  await harness.restart();
  await harness.runtime.advance(9_000);
  expect(idsOf(harness.names, '/a')).toEqual(['a']);
  await harness.runtime.advance(4_400);
  expect(idsOf(harness.names, '/a')).toEqual([]);
});

test('a stall of a third of the lease extends the lease, a shorter one does not', async () => {
  const after = async (stallMs: number, waitMs: number): Promise<string[]> => {
    const { names, runtime } = await nameServerHarness();
    await names.register(registration('/a', 'a', { leaseMs: 9_000 }), localCaller);
    await runtime.advance(100);
    runtime.stall(stallMs);
    await runtime.advance(waitMs);
    return idsOf(names, '/a');
  };
  expect(await after(3_000, 8_800)).toEqual(['a']);
  expect(await after(20_000, 8_800)).toEqual(['a']);
  expect(await after(20_000, 9_000 + 3_000 + 1_000)).toEqual([]);
  expect(await after(1_000, 9_000 - 1_000 + 1_500)).toEqual([]);
});

test('a mass expiry is throttled by at most one lease, and the status is degraded', async () => {
  const { names, runtime } = await nameServerHarness();
  for (let i = 0; i < 40; i++)
    await names.register(registration('/a', `i${i}`, { leaseMs: 8_000 }), localCaller);
  await runtime.advance(10_000);
  expect(names.status().degraded).toBe(true);
  expect(idsOf(names, '/a').length).toBeGreaterThan(34);
  // Renewed endpoints are not removed.
  const renewals = Array.from({ length: 30 }, (_, i) => ({ name: '/a', id: `i${i + 10}`, epoch: i + 11 }));
  names.renew({ renewals });
  await runtime.advance(6_500);
  expect(idsOf(names, '/a')).toEqual(renewals.map(({ id }) => id));
  names.renew({ renewals });
  expect(names.status().degraded).toBe(false);
  await runtime.advance(16_000);
  expect(idsOf(names, '/a')).toEqual([]);
  expect(names.status()).toMatchObject({ degraded: false, endpoints: 0 });
});

test('seven expiries at once are not throttled', async () => {
  const { names, runtime } = await nameServerHarness();
  for (let i = 0; i < 7; i++)
    await names.register(registration('/a', `i${i}`, { leaseMs: 8_000 }), localCaller);
  await runtime.advance(9_300);
  expect(idsOf(names, '/a')).toEqual([]);
  expect(names.status().degraded).toBe(false);
});

test('a renewal is rejected as lost while the expiry is written to the store', async () => {
  const { names, runtime, store } = await nameServerHarness();
  await names.register(registration('/a', 'a', { leaseMs: 1_000 }), localCaller);
  // The lease is overdue by now.
  await runtime.advance(950);
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  await runtime.advance(1_050);
  expect(idsOf(names, '/a')).toEqual(['a']);
  expect(names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] }).results).toEqual(['lost']);
  const again = names.register(registration('/a', 'a', { epoch: 1 }), localCaller);
  open();
  expect((await again).epoch).toBe(1);
  await runtime.advance(500);
  expect(idsOf(names, '/a')).toEqual(['a']);
});

test('a renewal is accepted while the expiry is queued', async () => {
  const { names, runtime, store } = await nameServerHarness();
  await names.register(registration('/a', 'a', { leaseMs: 1_000 }), localCaller);
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  const other = names.define({ name: '/b' });
  await runtime.advance(1_500);
  expect(names.renew({ renewals: [{ name: '/a', id: 'a', epoch: 1 }] }).results).toEqual(['renewed']);
  open();
  await other;
  await runtime.advance(500);
  expect(idsOf(names, '/a')).toEqual(['a']);
});

test('an undefined service is removed 5 minutes after its last endpoint, later when a guarantee holds', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'a', { leaseMs: 1_000 }), localCaller);
  await names.register(registration('/b', 'a', { leaseMs: 1_000 }), localCaller);
  await runtime.advance(1_500);
  await runtime.advance(298_000);
  expect(names.status().services).toBe(2);
  names.resolve('/b');
  await runtime.advance(3_000);
  expect(names.list('/**', undefined, 9).entries.map(({ name }) => name)).toEqual(['/b']);
  expect(names.resolve('/b').guaranteedMs).toBeLessThan(5_000);
  await runtime.advance(5_000);
  expect(names.status().services).toBe(0);
});

test('a moved service keeps its leases', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'a', { leaseMs: 8_000 }), localCaller);
  await runtime.advance(6_000);
  await names.move({ from: '/a', to: '/b' });
  await runtime.advance(1_900);
  expect(idsOf(names, '/b')).toEqual(['a']);
  await runtime.advance(1_500);
  expect(idsOf(names, '/b')).toEqual([]);
});

test('timers do not keep the process alive', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'a'), localCaller);
  names.watch({ id: 'w', globs: ['/**'], since: undefined, onEvent: () => {} });
  await runtime.advance(10);
  expect(runtime.refTimers).toBe(0);
  await names.close();
  expect(runtime.pendingTimers).toBe(0);
});

test('a stall extends short leases only', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'short', { leaseMs: 1_000 }), localCaller);
  await names.register(registration('/b', 'long', { leaseMs: 30_000 }), localCaller);
  await runtime.advance(100);
  runtime.stall(5_000);
  await runtime.advance(800);
  expect(idsOf(names, '/a')).toEqual(['short']);
  await runtime.advance(2_000);
  names.renew({ renewals: [{ name: '/a', id: 'short', epoch: 1 }] });
  await runtime.advance(30_000 - 5_000 - 2_900 + 600);
  expect(idsOf(names, '/b')).toEqual([]);
});

test('a registration that is queued when its lease expires is not removed', async () => {
  const { names, runtime, store } = await nameServerHarness();
  await names.register(registration('/a', 'a', { leaseMs: 1_000 }), localCaller);
  let open = (): void => {};
  store.writeGate = new Promise((resolve) => (open = resolve));
  const other = names.define({ name: '/b' });
  await runtime.advance(500);
  const again = names.register(registration('/a', 'a', { leaseMs: 1_000, epoch: 1 }), localCaller);
  await runtime.advance(1_500);
  open();
  store.writeGate = undefined;
  await Promise.all([other, again]);
  await runtime.advance(500);
  expect(idsOf(names, '/a')).toEqual(['a']);
});

test('a registration cancels the pending removal of a service, and its guarantee is in full again', async () => {
  const { names, runtime } = await nameServerHarness();
  await names.register(registration('/a', 'a', { leaseMs: 1_000 }), localCaller);
  await runtime.advance(300_500);
  names.resolve('/a');
  await runtime.advance(2_000);
  expect(names.resolve('/a').guaranteedMs).toBeLessThan(5_000);
  await names.register(registration('/a', 'a', { leaseMs: 60_000 }), localCaller);
  expect(names.resolve('/a').guaranteedMs).toBe(5_000);
  await runtime.advance(10_000);
  expect(idsOf(names, '/a')).toEqual(['a']);
});
