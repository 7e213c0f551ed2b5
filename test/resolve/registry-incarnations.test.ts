import { expect, test } from 'vitest';
import type { ResolvedService } from '../../src/core/resolution-result.js';
import { retryLoop } from '../../src/invoke/p-retry-loop.js';
import { LastKnownGood } from '../../src/resolve/last-known-good.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { EventRecorder } from '../support/event-recorder.js';
import { resolvedService } from './manual-resolver.js';

const none = { suspects: new Set<string>() };

/** A registry that says what it is told to, and what is remembered of it. */
function world() {
  const runtime = createFakeRuntime({ seed: 1, startAt: 1_000 });
  const learned: ResolvedService[] = [];
  const state: { says: Partial<ResolvedService> & { ids?: readonly string[] } } = { says: {} };
  const kept = new LastKnownGood(
    { resolve: async (name) => resolvedService(runtime, { name, ttlMs: 0, ...state.says }) },
    {
      clock: runtime,
      reporter: new EventRecorder(),
      retry: retryLoop,
      maxStaleMs: 3_600_000,
      onRecovered: () => {},
      onNewer: (answer) => learned.push(answer),
      isBound: () => false,
    },
  );
  const ask = async (
    says: Partial<ResolvedService> & { ids?: readonly string[] },
  ): Promise<ResolvedService> => {
    state.says = says;
    const asked = kept.resolve('/x', none);
    await runtime.advance(0);
    return asked;
  };
  return { runtime, kept, learned, ask };
}

const before = { ids: ['a'], incarnation: 'one', revision: '70', leaseMs: 10_000 };

test.each([
  ['nobody', { ids: [], incarnation: 'two', revision: '1' }],
  ['no such name', { kind: 'absent' as const, ids: [], incarnation: 'two', revision: '1' }],
])(
  'of a registry that has lost its memory, %s is believed when a lease is over and not before',
  async (_what, empty) => {
    const { runtime, ask } = world();
    await ask(before);
    expect(await ask(empty)).toMatchObject({ stale: true, endpoints: [{ id: 'a' }] });
    await runtime.advance(9_999);
    expect((await ask(empty)).endpoints).toHaveLength(1);
    await runtime.advance(10_000);
    expect(await ask(empty)).toMatchObject({ stale: false, endpoints: [], incarnation: 'two' });
  },
);

test('somebody is believed at once, whoever says it', async () => {
  const { ask } = world();
  await ask(before);
  expect(await ask({ ids: ['b'], incarnation: 'two', revision: '1' })).toMatchObject({
    stale: false,
    endpoints: [{ id: 'b' }],
  });
});

test('the same registry is believed at once: nobody is an answer', async () => {
  const { ask } = world();
  await ask(before);
  expect(await ask({ ids: [], incarnation: 'one', revision: '71' })).toMatchObject({
    stale: false,
    endpoints: [],
  });
});

test('a new registry that is known for long enough is believed', async () => {
  const { runtime, kept, ask } = world();
  await ask(before);
  // Another name has shown that it is there.
  kept.applyIfNewer(resolvedService(runtime, { name: '/y', ids: ['y'], incarnation: 'two', revision: '1' }));
  await runtime.advance(10_000);
  expect(await ask({ ids: [], incarnation: 'two', revision: '2' })).toMatchObject({ stale: false });
});

test('nobody is doubted for more than five minutes, however long the lease', async () => {
  const { runtime, ask } = world();
  await ask({ ...before, leaseMs: 86_400_000 });
  const empty = { ids: [], incarnation: 'two', revision: '1' };
  expect((await ask(empty)).stale).toBe(true);
  await runtime.advance(310_000);
  expect(await ask(empty)).toMatchObject({ stale: false, endpoints: [] });
});

test('what a watch says is doubted in the same way, and told to nobody', async () => {
  const { runtime, kept, learned, ask } = world();
  await ask(before);
  const empty = resolvedService(runtime, { name: '/x', kind: 'absent', ids: [], incarnation: 'two' });
  expect(kept.applyIfNewer(empty)).toBe(false);
  expect(learned.map(({ incarnation }) => incarnation)).toEqual(['one']);
  await runtime.advance(10_000);
  expect(kept.applyIfNewer(empty)).toBe(true);
});
