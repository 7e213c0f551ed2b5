import { expect, test } from 'vitest';
import type { ResolvedService } from '../../src/core/resolution-result.js';
import { ClerkError } from '../../src/core/errors.js';
import { retryLoop } from '../../src/invoke/p-retry-loop.js';
import { LastKnownGood } from '../../src/resolve/last-known-good.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { EventRecorder } from '../support/event-recorder.js';
import { ManualResolver, resolvedService, stateOf } from './manual-resolver.js';

const hour = 3_600_000;
const none = { suspects: new Set<string>() };
const down = (): ClerkError => new ClerkError('REGISTRY_UNREACHABLE', 'The registry is down');

class Harness {
  readonly runtime;
  readonly inner: ManualResolver;
  readonly recorder = new EventRecorder();
  readonly recovered: ResolvedService[] = [];
  /** Names that a program holds. */
  readonly bound = new Set<string>();
  readonly lastKnownGood: LastKnownGood;

  constructor(seed = 1) {
    this.runtime = createFakeRuntime({ seed, startAt: 1_000 });
    this.inner = new ManualResolver(this.runtime);
    this.lastKnownGood = new LastKnownGood(this.inner, {
      clock: this.runtime,
      reporter: this.recorder,
      retry: retryLoop,
      maxStaleMs: hour,
      onRecovered: (answer) => this.recovered.push(answer),
      isBound: (name) => this.bound.has(name),
    });
  }

  resolve(name = '/x'): Promise<ResolvedService> {
    return this.lastKnownGood.resolve(name, none);
  }

  /** Asks, and is answered at once; unless it says otherwise with what is true for the moment only. */
  async resolveWith(more?: Parameters<typeof resolvedService>[1]): Promise<ResolvedService> {
    const asked = this.resolve();
    await this.inner.last.respond({ ttlMs: 0, ...more });
    return asked;
  }

  /** Asks, and the registry fails at once. */
  async resolveFailing(name = '/x'): Promise<ResolvedService> {
    const asked = this.resolve(name);
    await this.inner.last.fail(down());
    return asked;
  }

  /** Fails every question that comes up while time passes. */
  async failFor(ms: number, onStep: () => void = () => {}): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      onStep();
      await this.runtime.advance(50);
      for (const question of this.inner.lookups) void question.fail(down());
    }
  }

  get lookupCount(): number {
    return this.inner.lookups.length;
  }
}

const idsOf = (answer: ResolvedService): string[] => answer.endpoints.map(({ id }) => id);

test('while the registry is well its answers are handed on', async () => {
  const world = new Harness();
  for (const more of [
    { ids: ['a'] },
    { ids: ['b'] },
    { ids: [] },
    { kind: 'absent' as const, ids: [] },
    { ids: ['c'] },
  ]) {
    const answer = await world.resolveWith(more);
    expect(idsOf(answer)).toEqual(more.ids);
    expect(answer.stale).toBe(false);
  }
  expect(world.recorder.events).toEqual([]);
  expect(world.runtime.pendingTimers).toBe(0);
});

test('an error with nothing known is the error', async () => {
  const world = new Harness();
  await expect(world.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  // Nothing to fall back to: nothing to keep asking for.
  expect(world.runtime.pendingTimers).toBe(0);
});

test('an error keeps the old answer, flagged', async () => {
  const world = new Harness();
  const good = await world.resolveWith({ ids: ['a', 'b'], ttlMs: 5_000 });
  await world.runtime.advance(6_000);
  const stale = await world.resolveFailing();
  expect(stale).toMatchObject({ stale: true, endpoints: good.endpoints, askedAt: good.requestedAt });
  expect(Object.isFrozen(stale)).toBe(true);
  expect(world.recorder.of('stale')).toEqual([
    { name: '/x', ageMs: 6_000, error: expect.objectContaining({ message: 'The registry is down' }) },
  ]);
});

test('a stale answer is used for a second before this is asked again', async () => {
  const world = new Harness();
  await world.resolveWith({ ttlMs: 5_000 });
  await world.runtime.advance(6_000);
  const stale = await world.resolveFailing();
  expect(stale.requestedAt + stale.ttlMs - world.runtime.now()).toBe(1_000);
  // Also where the wall clock has jumped since the question.
  world.runtime.shiftWallClock(hour);
  const again = await world.resolve();
  expect(again.requestedWallAt + again.ttlMs - world.runtime.wallNow()).toBe(1_000);
  expect(again.ttlMs).toBeLessThan(10_000);
});

test('a registry that hangs is waited for 100 ms, once', async () => {
  const world = new Harness();
  await world.resolveWith();
  const first = world.resolve();
  await world.runtime.advance(99);
  expect(await stateOf(first)).toBe('pending');
  await world.runtime.advance(1);
  expect(await stateOf(first)).toMatchObject({ stale: true });
  for (let i = 0; i < 20; i++) {
    await world.runtime.advance(500);
    expect(await stateOf(world.resolve())).toMatchObject({ stale: true });
  }
  // The one question is still out, and no other.
  expect(world.lookupCount).toBe(2);
});

test('a late answer is an answer: it ends the trouble', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['old'] });
  const slow = world.resolve();
  await world.runtime.advance(150);
  expect(idsOf(await slow)).toEqual(['old']);
  await world.inner.last.respond({ ids: ['new'] });
  expect(world.recovered.map(idsOf)).toEqual([['new']]);
  expect(world.recovered[0]).toMatchObject({ stale: false, askedAt: 1_000 });
  expect(idsOf(await world.resolveWith({ ids: ['newer'] }))).toEqual(['newer']);
  expect(world.lookupCount).toBe(3);
});

test('while it is down it is asked in the background, further and further apart, and calls wait for nothing', async () => {
  const world = new Harness(3);
  await world.resolveWith();
  await world.resolveFailing();
  const before = world.lookupCount;
  const at: number[] = [];
  let seen = before;
  await world.failFor(60_000, () => {
    void world.resolve().then(({ stale }) => expect(stale).toBe(true));
    if (world.lookupCount > seen) at.push(world.runtime.now());
    seen = world.lookupCount;
  });
  const gaps = at.slice(1).map((now, i) => now - at[i]!);
  expect(gaps[0]).toBeLessThanOrEqual(450);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(5_100);
  expect(Math.min(...gaps.slice(-5))).toBeGreaterThanOrEqual(2_500);
  expect(at.length).toBeGreaterThan(12);
  expect(at.length).toBeLessThan(30);
  expect(world.runtime.refTimers).toBe(0);
});

test('pauses are spread by chance, so that clerks that lost the registry together do not return together', async () => {
  const firstGaps = new Set<number>();
  for (let seed = 1; seed <= 10; seed++) {
    const world = new Harness(seed);
    await world.resolveWith();
    await world.resolveFailing();
    while (world.lookupCount < 3) await world.runtime.advance(1);
    firstGaps.add(world.runtime.now());
  }
  expect(firstGaps.size).toBeGreaterThan(5);
  for (const at of firstGaps) {
    expect(at - 1_000).toBeGreaterThanOrEqual(100);
    expect(at - 1_000).toBeLessThanOrEqual(201);
  }
});

test('once it answers again, whoever holds the name is told, and the next look-up is fresh', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['old'] });
  await world.resolveFailing();
  await world.runtime.advance(200);
  await world.inner.last.respond({ ids: ['new'] });
  expect(world.recovered.map(idsOf)).toEqual([['new']]);
  expect(world.runtime.pendingTimers).toBe(0);
  const fresh = await world.resolveWith({ ids: ['newer'] });
  expect(fresh).toMatchObject({ stale: false });
  expect(idsOf(fresh)).toEqual(['newer']);
});

test('a name that nobody wants any more is asked for a little longer, and then no more', async () => {
  const world = new Harness();
  await world.resolveWith();
  await world.resolveFailing();
  await world.failFor(30_000);
  const { lookupCount } = world;
  expect(lookupCount).toBeGreaterThan(5);
  expect(world.runtime.pendingTimers).toBe(0);
  await world.failFor(60_000);
  expect(world.lookupCount).toBe(lookupCount);
  // Who wants it again asks again, and does not wait for a registry that fails at once.
  expect(await world.resolveFailing()).toMatchObject({ stale: true });
  expect(world.lookupCount).toBe(lookupCount + 1);
});

test('a name that is wanted once a second goes on being asked for, and nobody waits', async () => {
  const world = new Harness();
  await world.resolveWith();
  const first = world.resolve();
  await world.runtime.advance(100);
  await first;
  for (let second = 0; second < 60; second++) {
    expect(await stateOf(world.resolve())).toMatchObject({ stale: true });
    // Each question hangs for a while, and fails.
    await world.runtime.advance(500);
    await world.inner.last.fail(down());
    await world.runtime.advance(500);
  }
  expect(world.lookupCount).toBeGreaterThan(10);
});

test('an answer is used for an hour after its time, and not longer', async () => {
  const world = new Harness();
  await world.resolveWith({ ttlMs: 5_000 });
  await world.runtime.advance(5_000 + hour);
  expect(await world.resolveFailing()).toMatchObject({ stale: true });
  await world.runtime.advance(1);
  await expect(world.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('an answer that held for ever is used for ever', async () => {
  const world = new Harness();
  const good = await world.resolveWith({ ttlMs: Infinity });
  await world.runtime.advance(1_000 * hour);
  expect(await world.resolveFailing()).toBe(good);
});

test('while its time lasts an answer is no stale one, whatever becomes of the registry', async () => {
  const world = new Harness();
  const good = await world.resolveWith({ ttlMs: 5_000 });
  await world.runtime.advance(1_000);
  // Far away: not heard of within 100 ms, and then it is.
  const early = world.resolve();
  await world.runtime.advance(150);
  expect(await early).toBe(good);
  await world.inner.last.respond({ ids: ['new'], ttlMs: 5_000 });
  expect(world.recovered.map(idsOf)).toEqual([['new']]);
  // Down: the same, until its time is over on either clock.
  await world.runtime.advance(4_849);
  const failed = await world.resolveFailing();
  expect(idsOf(failed)).toEqual(['new']);
  expect(failed.stale).toBe(false);
  expect(await stateOf(world.resolve())).toBe(failed);
  expect(world.recorder.events).toEqual([]);
  await world.runtime.advance(1);
  expect(await stateOf(world.resolve())).toMatchObject({ stale: true });
  expect(world.recorder.of('stale')).toHaveLength(1);
});

test('a wall clock that jumped makes stale what cannot be renewed', async () => {
  const world = new Harness();
  await world.resolveWith({ ttlMs: 5_000 });
  world.runtime.shiftWallClock(hour);
  expect(await world.resolveFailing()).toMatchObject({ stale: true });
});

test('that nobody was there is no answer while the registry cannot be asked, and the error says it', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: [] });
  await world.runtime.advance(3_000);
  const empty = world.resolve();
  await world.runtime.advance(1_000);
  // Nothing to fall back to: worth waiting for.
  expect(await stateOf(empty)).toBe('pending');
  await world.inner.last.fail(down());
  await expect(empty).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: 'The registry is down; when asked 4000 ms ago, nobody ran it',
  });
  await world.resolveWith({ kind: 'absent', ids: [] });
  await expect(world.resolveFailing()).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: 'The registry is down; when asked 0 ms ago, there was no such name',
  });
  expect(world.recorder.events).toEqual([]);
});

test('what the registry empties is empty, and what it forgets is absent', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['a'] });
  expect(await world.resolveWith({ ids: [] })).toMatchObject({ kind: 'bound', endpoints: [], stale: false });
  await world.resolveWith({ ids: ['a'] });
  expect(await world.resolveWith({ kind: 'absent', ids: [] })).toMatchObject({
    kind: 'absent',
    stale: false,
  });
  // What is absent is nothing to fall back to, and an error is not the absence that was known before.
  await expect(world.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('an older revision is not believed, however it is written', async () => {
  for (const [newer, older] of [
    ['10', '9'],
    ['18446744073709551617', '18446744073709551616'],
    ['2', '01'],
  ] as const) {
    const world = new Harness();
    await world.resolveWith({ ids: ['a'], revision: newer, incarnation: 'i' });
    const answer = await world.resolveWith({ ids: [], revision: older, incarnation: 'i' });
    expect(answer).toMatchObject({ stale: true, revision: newer });
    expect(world.recorder.of('stale')[0]?.error).toMatchObject({
      code: 'REGISTRY_INVALID',
      message: `The registry's answer for /x has revision '${older}', older than '${newer}' which it gave before`,
    });
  }
});

test('the same revision again is believed, and so is one of another incarnation', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['a'], revision: '10', incarnation: 'i' });
  expect(await world.resolveWith({ ids: ['b'], revision: '10', incarnation: 'i' })).toMatchObject({
    stale: false,
  });
  const other = await world.resolveWith({ ids: ['c'], revision: '1', incarnation: 'j' });
  expect(other).toMatchObject({ stale: false });
  expect(idsOf(other)).toEqual(['c']);
});

test('a link that leads elsewhere is believed, whatever the revision of what is there', async () => {
  const world = new Harness();
  await world.resolveWith({ canonical: '/old', revision: '10' });
  expect(await world.resolveWith({ canonical: '/new', revision: '2' })).toMatchObject({
    stale: false,
    canonical: '/new',
  });
});

test('revisions that are no numbers are not compared', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['a'], revision: 'beta' });
  expect(await world.resolveWith({ ids: ['b'], revision: 'alpha' })).toMatchObject({
    stale: false,
    revision: 'alpha',
  });
  expect(await world.resolveWith({ ids: ['c'], revision: '' })).toMatchObject({ stale: false });
});

test('an older absence does not take away what is there, and an older presence does not bring it back', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['a'], revision: '10' });
  expect(await world.resolveWith({ kind: 'absent', ids: [], revision: '9' })).toMatchObject({
    stale: true,
    kind: 'bound',
  });
  await world.inner.last.fail(down());
  const gone = new Harness();
  await gone.resolveWith({ kind: 'absent', ids: [], revision: '10' });
  await expect(gone.resolveWith({ ids: ['a'], revision: '9' })).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
  });
  // But not for ever: a registry that begins anew without saying so is believed in time.
  await gone.runtime.advance(1 + 5_000 + hour);
  expect(await gone.resolveWith({ ids: ['a'], revision: '1' })).toMatchObject({ stale: false });
});

test('what a watch brings is what is known', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['a'], revision: '1' });
  expect(
    world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { ids: ['b'], revision: '3' })),
  ).toBe(true);
  expect(
    world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { ids: ['c'], revision: '2' })),
  ).toBe(false);
  expect(idsOf(await world.resolveFailing())).toEqual(['b']);
});

test('a look-up that a watch has overtaken gives what the watch brought, and no trouble', async () => {
  for (const [before, slower, pushed] of [
    ['1', '2', '3'],
    ['', '', ''],
  ] as const) {
    const world = new Harness();
    await world.resolveWith({ ids: ['first'], revision: before });
    const asked = world.resolve();
    await world.runtime.advance(20);
    world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { ids: ['pushed'], revision: pushed }));
    await world.inner.last.respond({ ids: ['slower'], revision: slower });
    const answer = await asked;
    expect(idsOf(answer)).toEqual(['pushed']);
    expect(answer.stale).toBe(false);
    expect(world.recorder.events).toEqual([]);
    expect(world.runtime.pendingTimers).toBe(0);
  }
});

test('what a watch brings while the registry hangs on a look-up is better than the old', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['old'] });
  const asked = world.resolve();
  await world.runtime.advance(50);
  world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { ids: ['pushed'] }));
  await world.runtime.advance(50);
  const answer = await asked;
  expect(idsOf(answer)).toEqual(['pushed']);
  expect(answer.stale).toBe(false);
});

test('the first answer of a name may come by a watch', async () => {
  const world = new Harness();
  const asked = [world.resolve(), world.resolve()];
  expect(await stateOf(asked[0]!)).toBe('pending');
  world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { ids: ['pushed'] }));
  expect((await Promise.all(asked)).map(idsOf)).toEqual([['pushed'], ['pushed']]);
  await world.inner.last.fail(down());
});

test('names are troubled one by one', async () => {
  const world = new Harness();
  await world.resolveWith();
  const other = world.resolve('/y');
  await world.inner.last.respond({ ids: ['y'] });
  await other;
  await world.resolveFailing('/x');
  const { lookupCount } = world;
  const fine = world.resolve('/y');
  expect(world.lookupCount).toBe(lookupCount + 1);
  await world.inner.last.respond({ ids: ['y2'] });
  expect(await fine).toMatchObject({ stale: false });
});

test('forgetting a name ends the asking for it', async () => {
  const world = new Harness();
  await world.resolveWith();
  await world.resolveFailing();
  world.lastKnownGood.forget('/x');
  await world.runtime.advance(10_000);
  expect(world.lookupCount).toBe(2);
  expect(world.runtime.pendingTimers).toBe(0);
  await expect(world.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('however many names are absent, those that are there are not forgotten', async () => {
  const world = new Harness();
  await world.resolveWith({ ids: ['a'] });
  for (let i = 0; i < 20_000; i++)
    world.lastKnownGood.applyIfNewer(
      resolvedService(world.runtime, { name: `/n${i}`, kind: 'absent', ids: [] }),
    );
  expect(idsOf(await world.resolveFailing())).toEqual(['a']);
});

test('of names that are there the 10,000 last asked for are kept', async () => {
  const world = new Harness();
  const name = (i: number): string => `/n${i}`;
  for (let i = 0; i <= 10_000; i++)
    world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { name: name(i) }));
  await expect(world.resolveFailing(name(0))).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  expect(idsOf(await world.resolveFailing(name(1)))).toEqual(['a']);
});

test('a name that a program holds is kept, however many others there are', async () => {
  const world = new Harness();
  const others = (from: number): void => {
    for (let i = from; i < from + 10_001; i++)
      world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { name: `/n${i}`, ttlMs: 0 }));
  };
  world.bound.add('/x');
  await world.resolveWith({ ids: ['a'], revision: '2' });
  others(0);
  expect(idsOf(await world.resolveFailing())).toEqual(['a']);
  // It is compared with as any other, and renewed as any other.
  expect(
    world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { ids: ['old'], revision: '1' })),
  ).toBe(false);
  expect(
    world.lastKnownGood.applyIfNewer(resolvedService(world.runtime, { ids: ['b'], revision: '3', ttlMs: 0 })),
  ).toBe(true);
  expect(idsOf(await world.resolve())).toEqual(['b']);
  others(20_000);
  expect(idsOf(await world.resolve())).toEqual(['b']);
  world.lastKnownGood.forget('/x');
  await world.inner.last.fail(down());
  await expect(world.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('stopping ends all asking, also what waits', async () => {
  const world = new Harness();
  await world.resolveWith();
  await world.resolveFailing();
  expect(world.runtime.pendingTimers).toBe(1);
  world.lastKnownGood.stop();
  await world.runtime.advance(60_000);
  expect(world.lookupCount).toBe(2);
  expect(world.runtime.pendingTimers).toBe(0);
  expect(world.recovered).toEqual([]);
});

test('after the stop nothing old is handed out: who waits is told why', async () => {
  const world = new Harness();
  await world.resolveWith();
  const asked = [world.resolve(), world.resolve('/y')];
  world.lastKnownGood.stop();
  for (const question of world.inner.lookups)
    await question.fail(new ClerkError('CLERK_CLOSED', 'The clerk is closed'));
  for (const one of asked) await expect(one).rejects.toMatchObject({ code: 'CLERK_CLOSED' });
  expect(world.recorder.events).toEqual([]);
});

test('what comes in after the stop is nobody’s business any more', async () => {
  const world = new Harness();
  await world.resolveWith();
  const slow = world.resolve();
  await world.runtime.advance(100);
  await slow;
  world.lastKnownGood.stop();
  await world.inner.last.respond({ ids: ['late'] });
  await world.runtime.advance(10_000);
  expect(world.recovered).toEqual([]);
});
