import fc from 'fast-check';
import { expect, test } from 'vitest';
import { TimerWheel, type TimerEntry } from '../../src/invoke/timer-wheel.js';
import { ManualClock } from '../support/manual-clock.js';

const tickMs = 4;

/** An entry that records when it expired and with which error it was aborted. */
class Probe implements TimerEntry {
  expiresAt = 0;
  previous: TimerEntry | undefined;
  next: TimerEntry | undefined;
  readonly fired: number[] = [];
  readonly errors: Error[] = [];

  constructor(readonly onExpire: (now: number) => void = () => {}) {}

  expire(now: number): void {
    this.fired.push(now);
    this.onExpire(now);
  }

  abort(error: Error): void {
    this.errors.push(error);
  }
}

function wheelAt(startAt = 1_000): { clock: ManualClock; wheel: TimerWheel } {
  const clock = new ManualClock({ startAt });
  return { clock, wheel: new TimerWheel(clock) };
}

test('an entry expires once, at most one tick after it is due', () => {
  const { clock, wheel } = wheelAt();
  const entry = new Probe();
  wheel.set(entry, 1_250.5);
  clock.advance(250);
  expect(entry.fired).toEqual([]);
  clock.advance(tickMs);
  expect(entry.fired).toEqual([1_252]);
  clock.advance(10_000);
  expect(entry.fired).toHaveLength(1);
  expect(entry.expiresAt).toBe(0);
});

test('an overdue entry expires with the next tick, never synchronously', () => {
  for (const at of [999, 500, 0, -1, -Infinity]) {
    const { clock, wheel } = wheelAt();
    const entry = new Probe();
    wheel.set(entry, at);
    expect(entry.fired).toEqual([]);
    expect(wheel.size).toBe(1);
    clock.advance(tickMs);
    expect(entry.fired).toEqual([1_004]);
    expect(wheel.size).toBe(0);
    expect(clock.hasRefTimers).toBe(false);
  }
});

test('a reset entry expires only at its new time', () => {
  const { clock, wheel } = wheelAt();
  const entry = new Probe();
  wheel.set(entry, 1_100);
  wheel.set(entry, 1_020);
  expect(wheel.size).toBe(1);
  clock.advance(10);
  wheel.set(entry, 1_500);
  clock.advance(489);
  expect(entry.fired).toEqual([]);
  clock.advance(1);
  expect(entry.fired).toEqual([1_500]);
});

test('deadlines more than a turn, a day or 2^31 ms away are kept', () => {
  for (const far of [2_047, 2_048, 2_049, 4_096, 60_000, 86_400_000, 2 ** 31, 2 ** 31 + 1, 2 ** 40]) {
    const { clock, wheel } = wheelAt();
    const entry = new Probe();
    wheel.set(entry, 1_000 + far);
    clock.advance(far - 1);
    expect(entry.fired).toEqual([]);
    clock.advance(1 + tickMs);
    expect(entry.fired).toEqual([1_000 + Math.ceil(far / tickMs) * tickMs]);
  }
});

test('nothing expires before received I/O was processed', () => {
  const { clock, wheel } = wheelAt();
  clock.runsPendingIoAtOnce = false;
  const answered = new Probe();
  const silent = new Probe();
  wheel.set(answered, 1_100);
  wheel.set(silent, 1_100);
  // The process was busy for a second; the response of the first call is already in its socket.
  clock.stall(1_000);
  clock.advance(0);
  expect([answered.fired, silent.fired]).toEqual([[], []]);
  wheel.clear(answered);
  clock.runPendingIo();
  expect([answered.fired, silent.fired]).toEqual([[], [2_000]]);
});

test('after a long stall all due entries expire, and no others', () => {
  const { clock, wheel } = wheelAt();
  const soon = Array.from({ length: 50 }, () => new Probe());
  soon.forEach((entry, i) => wheel.set(entry, 1_010 + 97 * i));
  const later = new Probe();
  wheel.set(later, 61_100);
  clock.stall(60_000);
  clock.advance(0);
  expect(soon.every((entry) => entry.fired.length === 1 && entry.fired[0] === 61_000)).toBe(true);
  expect(later.fired).toEqual([]);
  clock.advance(100);
  expect(later.fired).toEqual([61_100]);
});

test('a wheel works after a long idle period', () => {
  const { clock, wheel } = wheelAt();
  clock.advance(1_000_003);
  const [soon, later] = [new Probe(), new Probe()];
  wheel.set(later, clock.now() + 3_000);
  wheel.set(soon, clock.now() + 5);
  clock.advance(5 + tickMs);
  expect(soon.fired).toHaveLength(1);
  expect(later.fired).toEqual([]);
  clock.advance(3_000);
  expect(later.fired).toHaveLength(1);
});

test('an expiring entry may set and clear others, also in its slot', () => {
  const { clock, wheel } = wheelAt();
  const cleared = new Probe();
  const again: Probe = new Probe((now) => {
    if (again.fired.length < 3) wheel.set(again, now);
  });
  const first = new Probe(() => wheel.clear(cleared));
  const moved = new Probe();
  const mover = new Probe((now) => wheel.set(moved, now + 100));
  for (const entry of [first, cleared, again, mover, moved]) wheel.set(entry, 1_100);
  clock.advance(100);
  expect(cleared.fired).toEqual([]);
  expect(moved.fired).toEqual([]);
  clock.advance(200);
  expect(again.fired).toEqual([1_100, 1_104, 1_108]);
  expect(moved.fired).toEqual([1_200]);
});

test('an entry that throws does not delay the others', () => {
  const { clock, wheel } = wheelAt();
  const others = [1_100, 1_100, 1_108, 9_000].map((at) => ({ at, entry: new Probe() }));
  const broken = new Probe(() => {
    throw new Error('broken');
  });
  wheel.set(broken, 1_100);
  for (const { at, entry } of others) wheel.set(entry, at);
  expect(() => clock.advance(100)).toThrow('broken');
  clock.advance(8);
  expect(others.map(({ entry }) => entry.fired.length)).toEqual([1, 1, 1, 0]);
  clock.advance(10_000);
  expect(others[3]?.entry.fired).toEqual([9_000]);
});

test('abortAll aborts every entry once and leaves no timer', () => {
  const { clock, wheel } = wheelAt();
  const error = new Error('The clerk was destroyed');
  const entries = [1_100, 1_100, 5_000, 500].map((at) => {
    const entry = new Probe();
    wheel.set(entry, at);
    return entry;
  });
  wheel.abortAll(error);
  expect(entries.map((entry) => entry.errors)).toEqual([[error], [error], [error], [error]]);
  expect(clock.pending).toBe(0);
  clock.advance(10_000);
  expect(entries.flatMap((entry) => entry.fired)).toEqual([]);
  const late = new Probe();
  wheel.set(late, clock.now() + 50);
  clock.advance(52);
  expect(late.fired).toHaveLength(1);
});

test('clearing an entry that is not set has no effect', () => {
  const { clock, wheel } = wheelAt();
  const [never, once] = [new Probe(), new Probe()];
  wheel.clear(never);
  wheel.set(once, 1_100);
  wheel.clear(once);
  wheel.clear(once);
  expect(wheel.size).toBe(0);
  clock.advance(1_000);
  expect(once.fired).toEqual([]);
});

type Step =
  | { readonly do: 'set'; readonly id: number; readonly inMs: number }
  | { readonly do: 'clear'; readonly id: number }
  | { readonly do: 'advance' | 'block'; readonly ms: number };

const delay = fc.oneof(
  fc.double({ min: -100, max: 300, noNaN: true }),
  fc.integer({ min: -10, max: 40 }),
  fc.integer({ min: 0, max: 10_000 }),
);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ do: fc.constant('set' as const), id: fc.nat(7), inMs: delay }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('clear' as const), id: fc.nat(7) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constantFrom('advance' as const, 'block' as const),
      ms: fc.oneof(fc.double({ min: 0, max: 60, noNaN: true }), fc.integer({ min: 0, max: 5_000 })),
    }),
  },
);

test('property: no entry expires early or late, and the process is kept alive exactly while one is set', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1, max: 100_000, noNaN: true }),
      fc.array(step, { maxLength: 60 }),
      (startAt, steps) => {
        const { clock, wheel } = wheelAt(startAt);
        /** Earliest and latest expiry of each entry, by id. */
        const model = new Map<number, { readonly from: number; until: number }>();
        const order: number[] = [];
        let blocked = false;
        const entries = Array.from(
          { length: 8 },
          (_, id) =>
            new Probe((now) => {
              const due = model.get(id);
              expect(due).toBeDefined();
              expect(now).toBeGreaterThanOrEqual(due!.from);
              expect(now).toBeLessThanOrEqual(due!.until);
              order.push(due!.until);
              model.delete(id);
            }),
        );
        for (const one of steps) {
          if (one.do === 'set') {
            const from = clock.now() + one.inMs;
            model.set(one.id, { from, until: Math.max(from, clock.now()) + tickMs });
            wheel.set(entries[one.id]!, from);
          } else if (one.do === 'clear') {
            model.delete(one.id);
            wheel.clear(entries[one.id]!);
          } else if (one.do === 'block') {
            clock.stall(one.ms);
            blocked = true;
            for (const due of model.values()) due.until = Math.max(due.until, clock.now());
            clock.advance(0);
          } else {
            clock.advance(one.ms);
          }
          for (const due of model.values()) expect(due.until).toBeGreaterThanOrEqual(clock.now());
          expect(wheel.size).toBe(model.size);
          expect(clock.hasRefTimers).toBe(model.size > 0);
        }
        // Ticks are processed in order; entries of one tick expire in the order they were set.
        if (!blocked)
          for (let i = 1; i < order.length; i++) expect(order[i]).toBeGreaterThan(order[i - 1]! - 2 * tickMs);
      },
    ),
    { seed: 31, numRuns: 500 },
  );
});

test('a timer that never fires is replaced at the next entry', () => {
  const { clock, wheel } = wheelAt();
  const setTimer = clock.setTimer.bind(clock);
  // As fake timers of a test runner do that are removed before they fire.
  clock.setTimer = () => ({ cancel: () => undefined, setRef: () => undefined });
  const lost = new Probe();
  wheel.set(lost, 1_250);
  clock.setTimer = setTimer;
  clock.advance(2_000);
  expect(lost.fired).toEqual([]);
  const next = new Probe();
  wheel.set(next, clock.now() + 250);
  clock.advance(250 + tickMs);
  expect([lost.fired.length, next.fired.length]).toEqual([1, 1]);
});
