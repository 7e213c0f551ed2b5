import { expect, test } from 'vitest';
import type { ResolvedService } from '../../src/core/resolution-result.js';
import { retryLoop } from '../../src/runtime/p-retry-loop.js';
import { LastKnownGood } from '../../src/resolve/last-known-good.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { EventRecorder } from '../support/event-recorder.js';
import { resolvedService } from './manual-resolver.js';

const none = { suspects: new Set<string>() };

/** A registry with given responses, behind a `LastKnownGood`. */
function setup() {
  const runtime = createFakeRuntime({ seed: 1, startAt: 1_000 });
  const accepted: ResolvedService[] = [];
  const state: { response: Partial<ResolvedService> & { ids?: readonly string[] } } = { response: {} };
  const lastKnownGood = new LastKnownGood(
    { resolve: async (name) => resolvedService(runtime, { name, ttlMs: 0, ...state.response }) },
    {
      clock: runtime,
      reporter: new EventRecorder(),
      retry: retryLoop,
      maxStaleMs: 3_600_000,
      onRecovered: () => {},
      onNewer: (resolved) => accepted.push(resolved),
      isBound: () => false,
    },
  );
  const resolveWith = async (
    response: Partial<ResolvedService> & { ids?: readonly string[] },
  ): Promise<ResolvedService> => {
    state.response = response;
    const lookup = lastKnownGood.resolve('/x', none);
    await runtime.advance(0);
    return lookup;
  };
  return { runtime, lastKnownGood, accepted, resolveWith };
}

const before = { ids: ['a'], incarnation: 'one', revision: '70', leaseMs: 10_000 };

test.each([
  ['an empty list', { ids: [], incarnation: 'two', revision: '1' }],
  ['an absent name', { kind: 'absent' as const, ids: [], incarnation: 'two', revision: '1' }],
])(
  '%s of a registry that restarted without data is accepted after one lease, not before',
  async (_what, empty) => {
    const { runtime, resolveWith } = setup();
    await resolveWith(before);
    expect(await resolveWith(empty)).toMatchObject({ stale: true, endpoints: [{ id: 'a' }] });
    await runtime.advance(9_999);
    expect((await resolveWith(empty)).endpoints).toHaveLength(1);
    await runtime.advance(10_000);
    expect(await resolveWith(empty)).toMatchObject({ stale: false, endpoints: [], incarnation: 'two' });
  },
);

test('endpoints of a restarted registry are accepted at once', async () => {
  const { resolveWith } = setup();
  await resolveWith(before);
  expect(await resolveWith({ ids: ['b'], incarnation: 'two', revision: '1' })).toMatchObject({
    stale: false,
    endpoints: [{ id: 'b' }],
  });
});

test('an empty list of the same incarnation is accepted at once', async () => {
  const { resolveWith } = setup();
  await resolveWith(before);
  expect(await resolveWith({ ids: [], incarnation: 'one', revision: '71' })).toMatchObject({
    stale: false,
    endpoints: [],
  });
});

test('an empty list of an incarnation first seen long ago is accepted', async () => {
  const { runtime, lastKnownGood, resolveWith } = setup();
  await resolveWith(before);
  // A result of another name has shown the incarnation.
  lastKnownGood.applyIfNewer(
    resolvedService(runtime, { name: '/y', ids: ['y'], incarnation: 'two', revision: '1' }),
  );
  await runtime.advance(10_000);
  expect(await resolveWith({ ids: [], incarnation: 'two', revision: '2' })).toMatchObject({ stale: false });
});

test('empty results are rejected for at most five minutes, however long the lease', async () => {
  const { runtime, resolveWith } = setup();
  await resolveWith({ ...before, leaseMs: 86_400_000 });
  const empty = { ids: [], incarnation: 'two', revision: '1' };
  expect((await resolveWith(empty)).stale).toBe(true);
  await runtime.advance(310_000);
  expect(await resolveWith(empty)).toMatchObject({ stale: false, endpoints: [] });
});

test('empty results of a watch are rejected in the same way, without notification', async () => {
  const { runtime, lastKnownGood, accepted, resolveWith } = setup();
  await resolveWith(before);
  const empty = resolvedService(runtime, { name: '/x', kind: 'absent', ids: [], incarnation: 'two' });
  expect(lastKnownGood.applyIfNewer(empty)).toBe(false);
  expect(accepted.map(({ incarnation }) => incarnation)).toEqual(['one']);
  await runtime.advance(10_000);
  expect(lastKnownGood.applyIfNewer(empty)).toBe(true);
});
