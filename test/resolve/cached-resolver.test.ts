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

test('an answer is remembered until its time runs out, to the millisecond', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond({ ttlMs: 700 });
  const answer = await first;
  clock.advance(699);
  expect(await cached.resolve('/x')).toBe(answer);
  expect(cached.peek('/x')).toBe(answer);
  clock.advance(1);
  expect(cached.peek('/x')).toBeUndefined();
  void cached.resolve('/x');
  expect(inner.lookups).toHaveLength(2);
});

test('its age counts from when the question was sent, not from when it was answered', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  clock.advance(600);
  await inner.last.respond({ ttlMs: 700 });
  await first;
  // Whatever the wall clock says meanwhile.
  clock.shiftWallClock(-3_600_000);
  clock.advance(99);
  expect(cached.peek('/x')).toBeDefined();
  clock.advance(1);
  expect(cached.peek('/x')).toBeUndefined();
});

test('an answer that took longer than it holds is given to who asked, and not remembered', async () => {
  const { cached, clock, inner } = cache();
  const first = cached.resolve('/x');
  clock.advance(700);
  await inner.last.respond({ ttlMs: 700 });
  expect(await first).toMatchObject({ name: '/x' });
  expect(cached.size).toBe(0);
});

test('an answer of no time is never remembered, one for ever always is', async () => {
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
  // What held for ever does so no longer, once somebody says otherwise.
  cached.put(resolvedService(clock, { ttlMs: 10 }));
  clock.advance(10);
  expect(cached.peek('/x')).toBeUndefined();
});

test('a jump of the wall clock shortens trust, and never lengthens it', async () => {
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

test('any number of callers share one look-up, and its answer', async () => {
  const { cached, inner } = cache();
  const callers = Array.from({ length: 100 }, () => cached.resolve('/x'));
  expect(inner.lookups).toHaveLength(1);
  await inner.last.respond();
  expect(new Set(await Promise.all(callers)).size).toBe(1);
  void cached.resolve('/y');
  expect(inner.lookups.map(({ name }) => name)).toEqual(['/x', '/y']);
});

test('a caller that gives up leaves the look-up to the others', async () => {
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

test('an error is for those who asked, and is never remembered', async () => {
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

test('an error does not push out what is remembered', async () => {
  const { cached, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond();
  const forced = expect(cached.refresh('/x', suspects)).rejects.toThrow('down');
  await inner.last.fail(new Error('down'));
  await forced;
  expect(cached.peek('/x')).toBe(await first);
});

test('failures force a look-up although the answer holds, ten times a second at most', async () => {
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

test('who forces a look-up joins the one that is under way', async () => {
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

test('a failure forces a look-up at once where nothing is known any more', async () => {
  const { cached, clock, inner } = cache();
  const forced = cached.refresh('/x', suspects);
  await inner.last.respond({ ttlMs: 10 });
  await forced;
  clock.advance(10);
  const again = cached.refresh('/x', suspects);
  expect(inner.lookups).toHaveLength(2);
  expect(await stateOf(again)).toBe('pending');
});

test('a look-up ahead of time is not held back, and does not hold back one that failures force', async () => {
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

test('at most so many names are remembered, the least recently asked for go first', async () => {
  const { cached, inner } = cache(3);
  const ask = async (name: string): Promise<void> => {
    const asked = cached.resolve(name);
    if ((await stateOf(asked)) === 'pending') await inner.last.respond();
    await asked;
  };
  for (const name of ['/a', '/b', '/c', '/a', '/d']) await ask(name);
  expect(cached.size).toBe(3);
  expect(['/a', '/b', '/c', '/d'].filter((name) => cached.peek(name) !== undefined)).toEqual([
    '/a',
    '/c',
    '/d',
  ]);
  for (let i = 0; i < 1_000; i++) await ask(`/n${i}`);
  expect(cached.size).toBe(3);
});

test('forgetting is at once', async () => {
  const { cached, inner } = cache();
  const first = cached.resolve('/x');
  await inner.last.respond();
  await first;
  cached.forget('/x');
  expect(cached.peek('/x')).toBeUndefined();
});

test('names are names, whatever an object would make of them', async () => {
  const { cached, inner } = cache();
  for (const name of ['/__proto__', '/constructor', '__proto__', 'constructor', 'toString']) {
    expect(cached.peek(name)).toBeUndefined();
    const asked = cached.resolve(name);
    expect(inner.last.name).toBe(name);
    await inner.last.respond({ name });
    expect(cached.peek(name)).toBe(await asked);
  }
});

test('a look-up that answered is told of once, a stale answer is not', async () => {
  const { cached, clock, inner, recorder } = cache();
  const callers = [cached.resolve('/x'), cached.resolve('/x')];
  clock.advance(12);
  await inner.last.respond({ ids: ['a', 'b'], revision: '7' });
  await Promise.all(callers);
  expect(recorder.of('resolved')).toEqual([{ name: '/x', endpoints: ['a', 'b'], revision: '7', ms: 12 }]);
  const stale = cached.refresh('/x', none);
  await inner.last.respond({ stale: true });
  await stale;
  expect(recorder.events).toHaveLength(1);
});

test('what is handed back for want of an answer is not told of as one', async () => {
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

// ---- against a model

interface CachedEntry {
  readonly id: number;
  readonly goneAt: number;
  readonly goneWallAt: number;
}

/** What is kept, what is asked, and when a look-up was last forced: nothing else decides. */
class Model {
  now = 1_000;
  wall = 1_800_000_000_000;
  questions = 0;
  readonly cached = new Map<string, CachedEntry>();
  readonly lookups = new Map<string, { readonly at: number; readonly wallAt: number }>();
  readonly forced = new Map<string, number>();

  fresh(name: string): CachedEntry | undefined {
    const kept = this.cached.get(name);
    return kept !== undefined && this.now < kept.goneAt && this.wall < kept.goneWallAt ? kept : undefined;
  }

  ask(name: string): void {
    if (this.lookups.has(name)) return;
    this.lookups.set(name, { at: this.now, wallAt: this.wall });
    this.questions++;
  }

  put(name: string, id: number, ttlMs: number, at: number, wallAt: number): void {
    if (at + ttlMs > this.now) this.cached.set(name, { id, goneAt: at + ttlMs, goneWallAt: wallAt + ttlMs });
    else this.cached.delete(name);
  }
}

class Real {
  readonly world = cache();
  /** Revision that each caller in turn was given. */
  readonly given: (string | undefined)[] = [];
  readonly open = new Map<string, PendingLookup>();
}

type Step = fc.AsyncCommand<Model, Real>;

function lookupStep(name: string, how: 'resolve' | 'refresh' | 'force'): Step {
  return {
    check: () => true,
    async run(model, real) {
      const { cached, inner } = real.world;
      const kept = model.fresh(name);
      const paced =
        how === 'force' &&
        kept !== undefined &&
        !model.lookups.has(name) &&
        model.now - (model.forced.get(name) ?? -Infinity) < 100;
      const known = (how === 'resolve' && kept !== undefined) || paced;
      if (how === 'force' && !paced && !model.lookups.has(name)) model.forced.set(name, model.now);
      if (!known) model.ask(name);
      const asked =
        how === 'resolve' ? cached.resolve(name) : cached.refresh(name, how === 'force' ? suspects : none);
      expect(inner.lookups).toHaveLength(model.questions);
      if (!known)
        real.open.set(
          name,
          inner.lookups.findLast((question) => question.name === name)!,
        );
      const state = await stateOf(asked);
      if (known) expect(state).toMatchObject({ revision: String(kept?.id) });
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
    toString: () => `answer ${name} for ${ttlMs}`,
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
    toString: () => `learn ${name} for ${ttlMs}`,
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

test('against a model: remembered as long as it holds, asked once at a time', async () => {
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
