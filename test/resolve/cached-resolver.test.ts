import fc from 'fast-check';
import { expect, test } from 'vitest';
import { CachedResolver } from '../../src/resolve/cached-resolver.js';
import { ManualClock, flushPromises } from '../support/manual-clock.js';
import { EventRecorder } from '../support/event-recorder.js';
import { ManualResolver, resolvedService, stateOf, type PendingLookup } from './manual-resolver.js';

function cache(maxNames = 100) {
  const clock = new ManualClock();
  const inner = new ManualResolver(clock);
  const recorder = new EventRecorder();
  return {
    clock,
    inner,
    recorder,
    cached: new CachedResolver(inner, { clock, reporter: recorder, maxNames }),
  };
}

const none: ReadonlySet<string> = new Set();
const suspects: ReadonlySet<string> = new Set(['a']);

test('a result is cached until its ttlMs has passed, to the millisecond', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond({ ttlMs: 700 });
  const resolved = await first;
  clock.advance(699);
  expect(await cached.resolve('/x')).toBe(resolved);
  expect(cached.peek('/x')).toBe(resolved);
  clock.advance(1);
  expect(cached.peek('/x')).toBeUndefined();
  void cached.resolve('/x');
  expect(inner.lookups).toHaveLength(2);
});

test('the age counts from the request, not from the response', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  clock.advance(600);
  await inner.last.respond({ ttlMs: 700 });
  await first;
  // A jump back of the wall clock changes nothing.
  clock.shiftWallClock(-3_600_000);
  clock.advance(99);
  expect(cached.peek('/x')).toBeDefined();
  clock.advance(1);
  expect(cached.peek('/x')).toBeUndefined();
});

test('a result that has expired on arrival is returned to the caller and not cached', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  clock.advance(700);
  await inner.last.respond({ ttlMs: 700 });
  expect(await first).toMatchObject({ name: '/x' });
  expect(cached.size).toBe(0);
});

test('a ttlMs of 0 is never cached, Infinity never expires', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond({ ttlMs: 0 });
  await first;
  expect(cached.peek('/x')).toBeUndefined();
  const second = cached.resolve('/x');
  await inner.last.respond({ ttlMs: Infinity });
  await second;
  clock.advance(2 ** 45);
  clock.shiftWallClock(2 ** 45);
  expect(cached.peek('/x')).toBe(await second);
  // A newer result with an expiry replaces one without.
  cached.put(resolvedService(clock, { ttlMs: 10 }));
  clock.advance(10);
  expect(cached.peek('/x')).toBeUndefined();
});

test('a jump of the wall clock can shorten the lifetime, never extend it', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond({ ttlMs: 5_000 });
  await first;
  clock.shiftWallClock(-3_600_000);
  clock.advance(4_000);
  expect(cached.peek('/x')).toBeDefined();
  clock.advance(1_000);
  expect(cached.peek('/x')).toBeUndefined();

  const second = cached.resolve('/x');
  await inner.last.respond({ ttlMs: 5_000 });
  await second;
  clock.shiftWallClock(4_999);
  expect(cached.peek('/x')).toBeDefined();
  clock.shiftWallClock(1);
  expect(cached.peek('/x')).toBeUndefined();
});

test('concurrent callers share one lookup and its result', async () => {
  const { cached, inner } = cache();
  const callers = Array.from({ length: 100 }, () => cached.resolve('/x'));
  expect(inner.lookups).toHaveLength(1);
  await inner.last.respond();
  expect(new Set(await Promise.all(callers)).size).toBe(1);
  void cached.resolve('/y');
  expect(inner.lookups.map(({ name }) => name)).toEqual(['/x', '/y']);
});

test('a lookup continues when one of its callers gives up', async () => {
  const { cached, inner } = cache();
  const controller = new AbortController();
  const gone = Promise.race([
    cached.resolve('/x'),
    new Promise((_resolve, reject) => {
      controller.signal.addEventListener('abort', () => reject(new Error('given up')));
    }),
  ]);
  const stays = cached.resolve('/x');
  controller.abort();
  await expect(gone).rejects.toThrow('given up');
  await inner.last.respond();
  expect(await stays).toMatchObject({ name: '/x' });
  expect(inner.lookups).toHaveLength(1);
});

test('an error rejects the waiting callers and is not cached', async () => {
  const { cached, inner } = cache();
  const callers = [cached.resolve('/x'), cached.resolve('/x')];
  await Promise.all([
    inner.last.fail(new Error('down')),
    ...callers.map((caller) => expect(caller).rejects.toThrow('down')),
  ]);
  const again = cached.resolve('/x');
  expect(inner.lookups).toHaveLength(2);
  await inner.last.respond();
  expect(await again).toMatchObject({ name: '/x' });
});

test('an error does not replace a cached result', async () => {
  const { cached, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond();
  const forced = expect(cached.refresh('/x', suspects)).rejects.toThrow('down');
  await inner.last.fail(new Error('down'));
  await forced;
  expect(cached.peek('/x')).toBe(await first);
});

test('failures force a lookup of a cached name, at most ten times a second', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond();
  await first;
  const forced = cached.refresh('/x', suspects);
  expect(inner.lookups).toHaveLength(2);
  expect(inner.last.suspects).toEqual(['a']);
  await inner.last.respond({ ids: ['b'] });
  const known = await forced;
  clock.advance(99);
  expect(await cached.refresh('/x', suspects)).toBe(known);
  expect(inner.lookups).toHaveLength(2);
  clock.advance(1);
  void cached.refresh('/x', suspects);
  expect(inner.lookups).toHaveLength(3);
});

test('a forced lookup joins the one in flight', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond();
  await first;
  const forced = cached.refresh('/x', suspects);
  clock.advance(10);
  const joined = cached.refresh('/x', suspects);
  expect(await stateOf(joined)).toBe('pending');
  expect(inner.lookups).toHaveLength(1 + 1);
  await inner.last.respond({ ids: ['b'] });
  expect(await joined).toBe(await forced);
});

test('a failure forces a lookup at once when nothing is cached', async () => {
  const { cached, clock, inner } = cache();
  const forced = cached.refresh('/x', suspects);
  await inner.last.respond({ ttlMs: 10 });
  await forced;
  clock.advance(10);
  const again = cached.refresh('/x', suspects);
  expect(inner.lookups).toHaveLength(2);
  expect(await stateOf(again)).toBe('pending');
});

test('an early refresh is not rate limited, and does not delay a forced lookup', async () => {
  const { cached, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond();
  await first;
  for (let i = 2; i < 5; i++) {
    const ahead = cached.refresh('/x', none);
    expect(inner.lookups).toHaveLength(i);
    await inner.last.respond();
    await ahead;
  }
  void cached.refresh('/x', suspects);
  expect(inner.lookups).toHaveLength(5);
});

test('at most maxNames names are cached, the least recently used are evicted first', async () => {
  const { cached, inner } = cache(3);
  const lookUp = async (name: string): Promise<void> => {
    const lookup = cached.resolve(name);
    if ((await stateOf(lookup)) === 'pending') await inner.last.respond();
    await lookup;
  };
  for (const name of ['/a', '/b', '/c', '/a', '/d']) await lookUp(name);
  expect(cached.size).toBe(3);
  expect(['/a', '/b', '/c', '/d'].filter((name) => cached.peek(name) !== undefined)).toEqual([
    '/a',
    '/c',
    '/d',
  ]);
  for (let i = 0; i < 1_000; i++) await lookUp(`/n${i}`);
  expect(cached.size).toBe(3);
});

test('forget removes a name at once', async () => {
  const { cached, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond();
  await first;
  cached.forget('/x');
  expect(cached.peek('/x')).toBeUndefined();
});

test('names like __proto__ are ordinary keys', async () => {
  const { cached, inner } = cache();
  for (const name of ['/__proto__', '/constructor', '__proto__', 'constructor', 'toString']) {
    expect(cached.peek(name)).toBeUndefined();
    const lookup = cached.resolve(name);
    expect(inner.last.name).toBe(name);
    await inner.last.respond({ name });
    expect(cached.peek(name)).toBe(await lookup);
  }
});

test('a lookup emits one resolved event, a stale result emits none', async () => {
  const { cached, clock, inner, recorder } = cache();
  const callers = [cached.resolve('/x'), cached.resolve('/x')];
  clock.advance(12);
  await inner.last.respond({ ids: ['a', 'b'], revision: '7' });
  await Promise.all(callers);
  expect(recorder.of('resolved')).toEqual([
    { name: '/x', endpoints: ['a', 'b'], revision: '7', durationMs: 12 },
  ]);
  const stale = cached.refresh('/x', none);
  await inner.last.respond({ stale: true });
  await stale;
  expect(recorder.events).toHaveLength(1);
});

test('an unchanged previous result emits no resolved event', async () => {
  const clock = new ManualClock();
  const recorder = new EventRecorder();
  const known = resolvedService(clock, { ttlMs: 5_000 });
  const cached = new CachedResolver(
    { resolve: () => Promise.resolve(known) },
    { clock, reporter: recorder, maxNames: 10 },
  );
  expect(await cached.resolve('/x')).toBe(known);
  expect(await cached.refresh('/x', none)).toBe(known);
  expect(recorder.of('resolved')).toHaveLength(1);
});

// ---- Model-based test

interface CachedEntry {
  readonly id: number;
  readonly expiresAt: number;
  readonly expiresWallAt: number;
}

/** The cached results, the lookups in flight, and the last forced lookups. */
class Model {
  now = 1_000;
  wall = 1_800_000_000_000;
  lookupCount = 0;
  readonly cached = new Map<string, CachedEntry>();
  readonly lookups = new Map<string, { readonly at: number; readonly wallAt: number }>();
  readonly forced = new Map<string, number>();

  fresh(name: string): CachedEntry | undefined {
    const entry = this.cached.get(name);
    return entry !== undefined && this.now < entry.expiresAt && this.wall < entry.expiresWallAt
      ? entry
      : undefined;
  }

  ask(name: string): void {
    if (this.lookups.has(name)) return;
    this.lookups.set(name, { at: this.now, wallAt: this.wall });
    this.lookupCount++;
  }

  put(name: string, id: number, ttlMs: number, at: number, wallAt: number): void {
    if (at + ttlMs > this.now)
      this.cached.set(name, { id, expiresAt: at + ttlMs, expiresWallAt: wallAt + ttlMs });
    else this.cached.delete(name);
  }
}

class Real {
  readonly world = cache();
  /** The revision returned to each caller, in order. */
  readonly given: (string | undefined)[] = [];
  readonly open = new Map<string, PendingLookup>();
}

type Step = fc.AsyncCommand<Model, Real>;

function lookupStep(name: string, how: 'resolve' | 'refresh' | 'force'): Step {
  return {
    check: () => true,
    async run(model, real) {
      const { cached, inner } = real.world;
      const entry = model.fresh(name);
      const paced =
        how === 'force' &&
        entry !== undefined &&
        !model.lookups.has(name) &&
        model.now - (model.forced.get(name) ?? -Infinity) < 100;
      const known = (how === 'resolve' && entry !== undefined) || paced;
      if (how === 'force' && !paced && !model.lookups.has(name)) model.forced.set(name, model.now);
      if (!known) model.ask(name);
      const lookup =
        how === 'resolve' ? cached.resolve(name) : cached.refresh(name, how === 'force' ? suspects : none);
      expect(inner.lookups).toHaveLength(model.lookupCount);
      if (!known)
        real.open.set(
          name,
          inner.lookups.findLast((lookup) => lookup.name === name)!,
        );
      const state = await stateOf(lookup);
      if (known) expect(state).toMatchObject({ revision: String(entry?.id) });
      else expect(state).toBe('pending');
    },
    toString: () => `${how} ${name}`,
  };
}

let ids = 0;

function respondStep(name: string, ttlMs: number): Step {
  return {
    check: (model) => model.lookups.has(name),
    async run(model, real) {
      const { at, wallAt } = model.lookups.get(name)!;
      const id = ++ids;
      model.lookups.delete(name);
      model.put(name, id, ttlMs, at, wallAt);
      await real.open.get(name)?.respond({ ttlMs, revision: String(id) });
      expect(real.world.cached.peek(name)?.revision).toBe(model.fresh(name)?.id.toString());
    },
    toString: () => `respond to ${name} with ttlMs ${ttlMs}`,
  };
}

function failStep(name: string): Step {
  return {
    check: (model) => model.lookups.has(name),
    async run(model, real) {
      model.lookups.delete(name);
      await real.open.get(name)?.fail(new Error('down'));
    },
    toString: () => `fail ${name}`,
  };
}

function putStep(name: string, ttlMs: number): Step {
  return {
    check: () => true,
    async run(model, real) {
      const { cached, clock } = real.world;
      const id = ++ids;
      model.put(name, id, ttlMs, model.now, model.wall);
      cached.put(resolvedService(clock, { name, ttlMs, revision: String(id) }));
    },
    toString: () => `put ${name} with ttlMs ${ttlMs}`,
  };
}

function advanceStep(ms: number, jumpMs: number): Step {
  return {
    check: () => true,
    async run(model, real) {
      model.now += ms;
      model.wall += ms + jumpMs;
      real.world.clock.advance(ms);
      real.world.clock.shiftWallClock(jumpMs);
      for (const name of names)
        expect(real.world.cached.peek(name)?.revision).toBe(model.fresh(name)?.id.toString());
    },
    toString: () => `${ms} ms pass, the wall clock jumps by ${jumpMs}`,
  };
}

const names = ['/x', '/constructor'];
const aName = fc.constantFrom(...names);
const aTime = fc.oneof(fc.constantFrom(0, 1, 60, 99.5, 100, 200), fc.constantFrom(5_000, Infinity));

test('model-based: results are cached until they expire, with one lookup at a time', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.commands(
        [
          fc
            .tuple(aName, fc.constantFrom('resolve' as const, 'refresh' as const, 'force' as const))
            .map((args) => lookupStep(...args)),
          fc.tuple(aName, aTime).map((args) => respondStep(...args)),
          fc.tuple(aName, aTime).map((args) => respondStep(...args)),
          aName.map(failStep),
          fc.tuple(aName, aTime).map((args) => putStep(...args)),
          fc
            .tuple(fc.constantFrom(1, 40, 99, 100, 150), fc.constantFrom(0, 0, 0, 50, -50, -3_600_000))
            .map((args) => advanceStep(...args)),
        ],
        { maxCommands: 60, size: 'max' },
      ),
      async (commands) => {
        await fc.asyncModelRun(() => ({ model: new Model(), real: new Real() }), commands);
        await flushPromises();
      },
    ),
    { seed: 53, numRuns: 300 },
  );
});
