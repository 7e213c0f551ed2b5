import { AsyncLocalStorage } from 'node:async_hooks';
import { expect, test } from 'vitest';
import type { ResolvedService } from '../../src/core/resolution-result.js';
import { ClerkError } from '../../src/core/errors.js';
import { retryLoop } from '../../src/runtime/p-retry-loop.js';
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
  /** Names with a binding. */
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
      onRecovered: (resolved) => this.recovered.push(resolved),
      isBound: (name) => this.bound.has(name),
    });
  }

  resolve(name = '/x'): Promise<ResolvedService> {
    return this.lastKnownGood.resolve(name, none);
  }

  /** Resolves the name, with a response at once. Its ttlMs is 0 unless overridden. */
  async resolveWith(more?: Parameters<typeof resolvedService>[1]): Promise<ResolvedService> {
    const lookup = this.resolve();
    await this.inner.last.respond({ ttlMs: 0, ...more });
    return lookup;
  }

  /** Resolves the name; the registry fails at once. */
  async resolveFailing(name = '/x'): Promise<ResolvedService> {
    const lookup = this.resolve(name);
    await this.inner.last.fail(down());
    return lookup;
  }

  /** Fails every lookup while time passes. */
  async failFor(ms: number, onStep: () => void = () => {}): Promise<void> {
    for (let passed = 0; passed < ms; passed += 50) {
      onStep();
      await this.runtime.advance(50);
      for (const lookup of this.inner.lookups) void lookup.fail(down());
    }
  }

  get lookupCount(): number {
    return this.inner.lookups.length;
  }
}

const idsOf = (resolved: ResolvedService): string[] => resolved.endpoints.map(({ id }) => id);

test('responses of a working registry are returned unchanged', async () => {
  const harness = new Harness();
  for (const more of [
    { ids: ['a'] },
    { ids: ['b'] },
    { ids: [] },
    { kind: 'absent' as const, ids: [] },
    { ids: ['c'] },
  ]) {
    const resolved = await harness.resolveWith(more);
    expect(idsOf(resolved)).toEqual(more.ids);
    expect(resolved.stale).toBe(false);
  }
  expect(harness.recorder.events).toEqual([]);
  expect(harness.runtime.pendingTimers).toBe(0);
});

test('a failed lookup without a previous result rejects', async () => {
  const harness = new Harness();
  await expect(harness.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  // Without a fallback there is no background retry.
  expect(harness.runtime.pendingTimers).toBe(0);
});

test('a failed lookup returns the previous result, flagged stale', async () => {
  const harness = new Harness();
  const good = await harness.resolveWith({ ids: ['a', 'b'], ttlMs: 5_000 });
  await harness.runtime.advance(6_000);
  const stale = await harness.resolveFailing();
  expect(stale).toMatchObject({ stale: true, endpoints: good.endpoints, requestedAt: good.requestedAt });
  expect(Object.isFrozen(stale)).toBe(true);
  expect(harness.recorder.of('stale')).toEqual([
    { name: '/x', ageMs: 6_000, error: expect.objectContaining({ message: 'The registry is down' }) },
  ]);
});

test('a stale result lives for one second', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ttlMs: 5_000 });
  await harness.runtime.advance(6_000);
  const stale = await harness.resolveFailing();
  expect(stale.requestedAt + stale.ttlMs - harness.runtime.now()).toBe(1_000);
  // Also when the wall clock has jumped since the request.
  harness.runtime.shiftWallClock(hour);
  const again = await harness.resolve();
  expect(again.requestedWallAt + again.ttlMs - harness.runtime.wallNow()).toBe(1_000);
  expect(again.ttlMs).toBeLessThan(10_000);
});

test('a registry that hangs delays one call by 100 ms', async () => {
  const harness = new Harness();
  await harness.resolveWith();
  const first = harness.resolve();
  await harness.runtime.advance(99);
  expect(await stateOf(first)).toBe('pending');
  await harness.runtime.advance(1);
  expect(await stateOf(first)).toMatchObject({ stale: true });
  for (let i = 0; i < 20; i++) {
    await harness.runtime.advance(500);
    expect(await stateOf(harness.resolve())).toMatchObject({ stale: true });
  }
  // Only the one lookup is in flight.
  expect(harness.lookupCount).toBe(2);
});

test('a late response ends the background retry', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['old'] });
  const slow = harness.resolve();
  await harness.runtime.advance(150);
  expect(idsOf(await slow)).toEqual(['old']);
  await harness.inner.last.respond({ ids: ['new'] });
  expect(harness.recovered.map(idsOf)).toEqual([['new']]);
  expect(harness.recovered[0]).toMatchObject({ stale: false, requestedAt: 1_000 });
  expect(idsOf(await harness.resolveWith({ ids: ['newer'] }))).toEqual(['newer']);
  expect(harness.lookupCount).toBe(3);
});

test('while the registry is down, retries run in the background with growing backoff and calls do not wait', async () => {
  const harness = new Harness(3);
  await harness.resolveWith();
  await harness.resolveFailing();
  const before = harness.lookupCount;
  const at: number[] = [];
  let seen = before;
  await harness.failFor(60_000, () => {
    void harness.resolve().then(({ stale }) => expect(stale).toBe(true));
    if (harness.lookupCount > seen) at.push(harness.runtime.now());
    seen = harness.lookupCount;
  });
  const gaps = at.slice(1).map((now, i) => now - at[i]!);
  expect(gaps[0]).toBeLessThanOrEqual(450);
  expect(Math.max(...gaps)).toBeLessThanOrEqual(5_100);
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(100);
  expect(Math.max(...gaps)).toBeGreaterThanOrEqual(2_500);
  expect(at.length).toBeGreaterThan(12);
  expect(at.length).toBeLessThan(40);
  expect(harness.runtime.refTimers).toBe(0);
});

test('background retries run in the async context of the clerk, not of the call whose lookup failed', async () => {
  const requestId = new AsyncLocalStorage<string>();
  const harness = requestId.run('clerk', () => new Harness());
  await harness.resolveWith();
  const contexts: (string | undefined)[] = [];
  const resolve = harness.inner.resolve.bind(harness.inner);
  harness.inner.resolve = (...args) => {
    contexts.push(requestId.getStore());
    return resolve(...args);
  };
  await requestId.run('call', () => harness.resolveFailing());
  await harness.failFor(1_000);
  expect(contexts.length).toBeGreaterThan(2);
  expect(contexts).toEqual(['call', ...Array(contexts.length - 1).fill('clerk')]);
});

test('backoff has jitter, so that clerks that lost the registry together retry at different times', async () => {
  const firstGaps = new Set<number>();
  for (let seed = 1; seed <= 10; seed++) {
    const harness = new Harness(seed);
    await harness.resolveWith();
    await harness.resolveFailing();
    while (harness.lookupCount < 3) await harness.runtime.advance(1);
    firstGaps.add(harness.runtime.now());
  }
  expect(firstGaps.size).toBeGreaterThan(5);
  for (const at of firstGaps) {
    expect(at - 1_000).toBeGreaterThanOrEqual(100);
    expect(at - 1_000).toBeLessThanOrEqual(201);
  }
});

test('a successful retry is reported, and the next lookup is fresh', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['old'] });
  await harness.resolveFailing();
  await harness.runtime.advance(200);
  await harness.inner.last.respond({ ids: ['new'] });
  expect(harness.recovered.map(idsOf)).toEqual([['new']]);
  expect(harness.runtime.pendingTimers).toBe(0);
  const fresh = await harness.resolveWith({ ids: ['newer'] });
  expect(fresh).toMatchObject({ stale: false });
  expect(idsOf(fresh)).toEqual(['newer']);
});

test('background retries end for a name that is no longer requested', async () => {
  const harness = new Harness();
  await harness.resolveWith();
  await harness.resolveFailing();
  await harness.failFor(30_000);
  const { lookupCount } = harness;
  expect(lookupCount).toBeGreaterThan(5);
  expect(harness.runtime.pendingTimers).toBe(0);
  await harness.failFor(60_000);
  expect(harness.lookupCount).toBe(lookupCount);
  // A later request sends a lookup again, and does not wait for a registry that fails at once.
  expect(await harness.resolveFailing()).toMatchObject({ stale: true });
  expect(harness.lookupCount).toBe(lookupCount + 1);
});

test('background retries continue for a name requested once a second, and no call waits', async () => {
  const harness = new Harness();
  await harness.resolveWith();
  const first = harness.resolve();
  await harness.runtime.advance(100);
  await first;
  for (let second = 0; second < 60; second++) {
    expect(await stateOf(harness.resolve())).toMatchObject({ stale: true });
    // Each lookup hangs for a while, then fails.
    await harness.runtime.advance(500);
    await harness.inner.last.fail(down());
    await harness.runtime.advance(500);
  }
  expect(harness.lookupCount).toBeGreaterThan(10);
});

test('a result is used for one hour after its expiry, not longer', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ttlMs: 5_000 });
  await harness.runtime.advance(5_000 + hour);
  expect(await harness.resolveFailing()).toMatchObject({ stale: true });
  await harness.runtime.advance(1);
  await expect(harness.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('a result without expiry is used without limit', async () => {
  const harness = new Harness();
  const good = await harness.resolveWith({ ttlMs: Infinity });
  await harness.runtime.advance(1_000 * hour);
  expect(await harness.resolveFailing()).toBe(good);
});

test('a result is not stale before its expiry, whatever the state of the registry', async () => {
  const harness = new Harness();
  const good = await harness.resolveWith({ ttlMs: 5_000 });
  await harness.runtime.advance(1_000);
  // Slow: the response takes more than 100 ms.
  const early = harness.resolve();
  await harness.runtime.advance(150);
  expect(await early).toBe(good);
  await harness.inner.last.respond({ ids: ['new'], ttlMs: 5_000 });
  expect(harness.recovered.map(idsOf)).toEqual([['new']]);
  // Down: the same, until the result expires on either clock.
  await harness.runtime.advance(4_849);
  const failed = await harness.resolveFailing();
  expect(idsOf(failed)).toEqual(['new']);
  expect(failed.stale).toBe(false);
  expect(await stateOf(harness.resolve())).toBe(failed);
  expect(harness.recorder.events).toEqual([]);
  await harness.runtime.advance(1);
  expect(await stateOf(harness.resolve())).toMatchObject({ stale: true });
  expect(harness.recorder.of('stale')).toHaveLength(1);
});

test('a jump of the wall clock makes a result stale that cannot be refreshed', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ttlMs: 5_000 });
  harness.runtime.shiftWallClock(hour);
  expect(await harness.resolveFailing()).toMatchObject({ stale: true });
});

test('a previous empty result is not used as a fallback, but is named in the error', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: [] });
  await harness.runtime.advance(3_000);
  const empty = harness.resolve();
  await harness.runtime.advance(1_000);
  // Without a fallback the call waits.
  expect(await stateOf(empty)).toBe('pending');
  await harness.inner.last.fail(down());
  await expect(empty).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: 'The registry is down; /x had no endpoints when last looked up, 4000 ms ago',
  });
  await harness.resolveWith({ kind: 'absent', ids: [] });
  await expect(harness.resolveFailing()).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: 'The registry is down; /x was not registered when last looked up, 0 ms ago',
  });
  expect(harness.recorder.events).toEqual([]);
});

test('an empty list and an absent name are accepted from the registry', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['a'] });
  expect(await harness.resolveWith({ ids: [] })).toMatchObject({
    kind: 'bound',
    endpoints: [],
    stale: false,
  });
  await harness.resolveWith({ ids: ['a'] });
  expect(await harness.resolveWith({ kind: 'absent', ids: [] })).toMatchObject({
    kind: 'absent',
    stale: false,
  });
  // An absent name is not a fallback: the error is not turned into the previous absence.
  await expect(harness.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('an older revision is rejected, whatever its number format', async () => {
  for (const [newer, older] of [
    ['10', '9'],
    ['18446744073709551617', '18446744073709551616'],
    ['2', '01'],
  ] as const) {
    const harness = new Harness();
    await harness.resolveWith({ ids: ['a'], revision: newer, incarnation: 'i' });
    const resolved = await harness.resolveWith({ ids: [], revision: older, incarnation: 'i' });
    expect(resolved).toMatchObject({ stale: true, revision: newer });
    expect(harness.recorder.of('stale')[0]?.error).toMatchObject({
      code: 'REGISTRY_INVALID',
      message: `The registry's response for /x is outdated: the revision must be at least '${newer}'; got '${older}'`,
    });
  }
});

test('a late result of an earlier incarnation does not replace the result of the present one', async () => {
  const { lastKnownGood, runtime } = new Harness();
  const late = resolvedService(runtime, { ids: ['a'], revision: '90', incarnation: 'i' });
  await runtime.advance(10);
  const present = resolvedService(runtime, { ids: ['b'], revision: '1', incarnation: 'j' });
  expect(lastKnownGood.applyIfNewer(present)).toBe(true);
  expect(lastKnownGood.applyIfNewer(late)).toBe(false);
});

test('the same revision is accepted, and so is one of another incarnation', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['a'], revision: '10', incarnation: 'i' });
  expect(await harness.resolveWith({ ids: ['b'], revision: '10', incarnation: 'i' })).toMatchObject({
    stale: false,
  });
  const other = await harness.resolveWith({ ids: ['c'], revision: '1', incarnation: 'j' });
  expect(other).toMatchObject({ stale: false });
  expect(idsOf(other)).toEqual(['c']);
});

test('a changed link is accepted, whatever the revision of its new target', async () => {
  const harness = new Harness();
  await harness.resolveWith({ canonical: '/old', revision: '10' });
  expect(await harness.resolveWith({ canonical: '/new', revision: '2' })).toMatchObject({
    stale: false,
    canonical: '/new',
  });
});

test('revisions that are not numeric are not compared', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['a'], revision: 'beta' });
  expect(await harness.resolveWith({ ids: ['b'], revision: 'alpha' })).toMatchObject({
    stale: false,
    revision: 'alpha',
  });
  expect(await harness.resolveWith({ ids: ['c'], revision: '' })).toMatchObject({ stale: false });
});

test('an older absence does not replace a service, nor an older service an absence', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['a'], revision: '10' });
  expect(await harness.resolveWith({ kind: 'absent', ids: [], revision: '9' })).toMatchObject({
    stale: true,
    kind: 'bound',
  });
  await harness.inner.last.fail(down());
  const gone = new Harness();
  await gone.resolveWith({ kind: 'absent', ids: [], revision: '10' });
  await expect(gone.resolveWith({ ids: ['a'], revision: '9' })).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
  });
  // A registry that restarts within one incarnation is accepted after the stale time.
  await gone.runtime.advance(1 + 5_000 + hour);
  expect(await gone.resolveWith({ ids: ['a'], revision: '1' })).toMatchObject({ stale: false });
});

test('results of a watch replace older ones', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['a'], revision: '1' });
  expect(
    harness.lastKnownGood.applyIfNewer(resolvedService(harness.runtime, { ids: ['b'], revision: '3' })),
  ).toBe(true);
  expect(
    harness.lastKnownGood.applyIfNewer(resolvedService(harness.runtime, { ids: ['c'], revision: '2' })),
  ).toBe(false);
  expect(idsOf(await harness.resolveFailing())).toEqual(['b']);
});

test('a lookup overtaken by a watch returns the result of the watch, without an error', async () => {
  for (const [before, slower, pushed] of [
    ['1', '2', '3'],
    ['', '', ''],
  ] as const) {
    const harness = new Harness();
    await harness.resolveWith({ ids: ['first'], revision: before });
    const lookup = harness.resolve();
    await harness.runtime.advance(20);
    harness.lastKnownGood.applyIfNewer(
      resolvedService(harness.runtime, { ids: ['pushed'], revision: pushed }),
    );
    await harness.inner.last.respond({ ids: ['slower'], revision: slower });
    const resolved = await lookup;
    expect(idsOf(resolved)).toEqual(['pushed']);
    expect(resolved.stale).toBe(false);
    expect(harness.recorder.events).toEqual([]);
    expect(harness.runtime.pendingTimers).toBe(0);
  }
});

test('a result of a watch during a lookup that hangs is preferred to the previous one', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['old'] });
  const lookup = harness.resolve();
  await harness.runtime.advance(50);
  harness.lastKnownGood.applyIfNewer(resolvedService(harness.runtime, { ids: ['pushed'] }));
  await harness.runtime.advance(50);
  const resolved = await lookup;
  expect(idsOf(resolved)).toEqual(['pushed']);
  expect(resolved.stale).toBe(false);
});

test('the first result of a name may come from a watch', async () => {
  const harness = new Harness();
  const lookups = [harness.resolve(), harness.resolve()];
  expect(await stateOf(lookups[0]!)).toBe('pending');
  harness.lastKnownGood.applyIfNewer(resolvedService(harness.runtime, { ids: ['pushed'] }));
  expect((await Promise.all(lookups)).map(idsOf)).toEqual([['pushed'], ['pushed']]);
  await harness.inner.last.fail(down());
});

test('a failed lookup of one name does not affect other names', async () => {
  const harness = new Harness();
  await harness.resolveWith();
  const other = harness.resolve('/y');
  await harness.inner.last.respond({ ids: ['y'] });
  await other;
  await harness.resolveFailing('/x');
  const { lookupCount } = harness;
  const fine = harness.resolve('/y');
  expect(harness.lookupCount).toBe(lookupCount + 1);
  await harness.inner.last.respond({ ids: ['y2'] });
  expect(await fine).toMatchObject({ stale: false });
});

test('forgetting a name ends its background retry', async () => {
  const harness = new Harness();
  await harness.resolveWith();
  await harness.resolveFailing();
  harness.lastKnownGood.forget('/x');
  await harness.runtime.advance(10_000);
  expect(harness.lookupCount).toBe(2);
  expect(harness.runtime.pendingTimers).toBe(0);
  await expect(harness.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('absent names do not evict present ones', async () => {
  const harness = new Harness();
  await harness.resolveWith({ ids: ['a'] });
  for (let i = 0; i < 20_000; i++)
    harness.lastKnownGood.applyIfNewer(
      resolvedService(harness.runtime, { name: `/n${i}`, kind: 'absent', ids: [] }),
    );
  expect(idsOf(await harness.resolveFailing())).toEqual(['a']);
});

test('the 10,000 most recently used present names are kept', async () => {
  const harness = new Harness();
  const name = (i: number): string => `/n${i}`;
  for (let i = 0; i <= 10_000; i++)
    harness.lastKnownGood.applyIfNewer(resolvedService(harness.runtime, { name: name(i) }));
  await expect(harness.resolveFailing(name(0))).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  expect(idsOf(await harness.resolveFailing(name(1)))).toEqual(['a']);
});

test('a bound name is never evicted', async () => {
  const harness = new Harness();
  const others = (from: number): void => {
    for (let i = from; i < from + 10_001; i++)
      harness.lastKnownGood.applyIfNewer(resolvedService(harness.runtime, { name: `/n${i}`, ttlMs: 0 }));
  };
  harness.bound.add('/x');
  await harness.resolveWith({ ids: ['a'], revision: '2' });
  others(0);
  expect(idsOf(await harness.resolveFailing())).toEqual(['a']);
  // It is compared and replaced like any other.
  expect(
    harness.lastKnownGood.applyIfNewer(resolvedService(harness.runtime, { ids: ['old'], revision: '1' })),
  ).toBe(false);
  expect(
    harness.lastKnownGood.applyIfNewer(
      resolvedService(harness.runtime, { ids: ['b'], revision: '3', ttlMs: 0 }),
    ),
  ).toBe(true);
  expect(idsOf(await harness.resolve())).toEqual(['b']);
  others(20_000);
  expect(idsOf(await harness.resolve())).toEqual(['b']);
  harness.lastKnownGood.forget('/x');
  await harness.inner.last.fail(down());
  await expect(harness.resolveFailing()).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
});

test('stop ends all background retries', async () => {
  const harness = new Harness();
  await harness.resolveWith();
  await harness.resolveFailing();
  expect(harness.runtime.pendingTimers).toBe(1);
  harness.lastKnownGood.stop();
  await harness.runtime.advance(60_000);
  expect(harness.lookupCount).toBe(2);
  expect(harness.runtime.pendingTimers).toBe(0);
  expect(harness.recovered).toEqual([]);
});

test('after stop no previous result is returned: waiting callers get the error', async () => {
  const harness = new Harness();
  await harness.resolveWith();
  const lookups = [harness.resolve(), harness.resolve('/y')];
  harness.lastKnownGood.stop();
  for (const lookup of harness.inner.lookups)
    await lookup.fail(new ClerkError('CLERK_CLOSED', 'The clerk is closed'));
  for (const lookup of lookups) await expect(lookup).rejects.toMatchObject({ code: 'CLERK_CLOSED' });
  expect(harness.recorder.events).toEqual([]);
});

test('a response after stop is not reported', async () => {
  const harness = new Harness();
  await harness.resolveWith();
  const slow = harness.resolve();
  await harness.runtime.advance(100);
  await slow;
  harness.lastKnownGood.stop();
  await harness.inner.last.respond({ ids: ['late'] });
  await harness.runtime.advance(10_000);
  expect(harness.recovered).toEqual([]);
});
