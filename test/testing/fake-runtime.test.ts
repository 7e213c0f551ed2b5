import { expect, test } from 'vitest';
import { createFakeRuntime, seededRandom } from 'binding-clerk/testing';

const at = (runtime: { now(): number }, log: string[], label: string) => () => {
  log.push(`${label}@${String(runtime.now())}`);
};

test('timers fire in order of time, and in order of creation at the same time', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  const log: string[] = [];
  runtime.setTimer(at(runtime, log, 'late'), 20);
  runtime.setTimer(at(runtime, log, 'first'), 10);
  runtime.setTimer(at(runtime, log, 'second'), 10);
  runtime.afterPendingIo(at(runtime, log, 'arrivals'));
  expect(log).toEqual([]);
  await runtime.advance(15);
  expect(log).toEqual(['arrivals@1', 'first@11', 'second@11']);
  expect(runtime.now()).toBe(16);
  await runtime.advance(5);
  expect(log.at(-1)).toBe('late@21');
  expect(runtime.pendingTimers).toBe(0);
});

test('all ready promise jobs run between two timers, however many', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  const log: string[] = [];
  runtime.setTimer(() => {
    void (async () => {
      for (let i = 0; i < 1_000; i++) await Promise.resolve();
      await new Promise((resolve) => {
        process.nextTick(() => queueMicrotask(() => process.nextTick(resolve)));
      });
      log.push(`chain@${String(runtime.now())}`);
    })();
  }, 1);
  runtime.setTimer(() => log.push('next'), 1);
  await runtime.advance(1);
  expect(log).toEqual(['chain@2', 'next']);
});

test('ready promise jobs run before time advances', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  let seen = 0;
  void Promise.resolve().then(() => {
    seen = runtime.now();
    runtime.setTimer(() => undefined, 5);
  });
  await runtime.advance(10);
  expect(seen).toBe(1);
  expect(runtime.pendingTimers).toBe(0);
});

test('a cancelled timer does not fire, and a timer set by a timer does', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  const log: string[] = [];
  const timers = Array.from({ length: 200 }, (_, i) =>
    runtime.setTimer(() => log.push(String(i)), 100 - (i % 100)),
  );
  timers.forEach((timer, i) => {
    if (i % 50 !== 0) timer.cancel();
  });
  timers[1]?.cancel();
  expect(runtime.pendingTimers).toBe(4);
  runtime.setTimer(() => runtime.setTimer(() => log.push('inner'), 0), 30);
  await runtime.advance(100);
  expect(log).toEqual(['inner', '50', '150', '0', '100']);
  timers[0]?.cancel();
  expect(runtime.pendingTimers).toBe(0);
});

test('runUntilIdle ends when no timer keeps the process alive', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  const beat = (): void => {
    runtime.setTimer(beat, 1_000).setRef(false);
  };
  beat();
  runtime.setTimer(() => undefined, 2_500);
  expect([runtime.pendingTimers, runtime.refTimers]).toEqual([2, 1]);
  await runtime.runUntilIdle();
  expect(runtime.now()).toBe(2_501);
  expect([runtime.pendingTimers, runtime.refTimers]).toEqual([1, 0]);

  const endless = (): void => {
    runtime.setTimer(endless, 10);
  };
  endless();
  await expect(runtime.runUntilIdle(1_000)).rejects.toThrow('1 timers are still pending after 1000 ms');
});

test('with autoAdvance, time advances only while a timer keeps the process alive', async () => {
  const runtime = createFakeRuntime({ seed: 1, autoAdvance: true });
  await new Promise<void>((resolve) => {
    runtime.setTimer(resolve, 86_400_000);
  });
  expect(runtime.now()).toBe(86_400_001);
  const timer = runtime.setTimer(() => undefined, 10);
  timer.setRef(false);
  await runtime.advance(0);
  expect([runtime.now(), runtime.pendingTimers]).toEqual([86_400_001, 1]);
  timer.setRef(true);
  await runtime.advance(10);
  expect(runtime.pendingTimers).toBe(0);
});

test('shiftWallClock shifts only the wall clock', async () => {
  const runtime = createFakeRuntime({ seed: 1, startAt: 5, wallStartAt: 1_000 });
  expect([runtime.now(), runtime.wallNow()]).toEqual([5, 1_000]);
  runtime.shiftWallClock(-600);
  await runtime.advance(10);
  expect([runtime.now(), runtime.wallNow()]).toEqual([15, 410]);
});

test('after a stall, the timers that became due run late and in order', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  const rang: string[] = [];
  for (const delayMs of [30, 10, 200])
    runtime.setTimer(() => rang.push(`${delayMs} at ${runtime.now()}`), delayMs);
  runtime.stall(100);
  expect([runtime.now(), runtime.wallNow(), rang]).toEqual([101, 1_800_000_000_100, []]);
  await runtime.advance(0);
  expect(rang).toEqual(['10 at 101', '30 at 101']);
  await runtime.advance(100);
  expect(rang.at(-1)).toBe('200 at 201');
  for (const ms of [-1, NaN, Infinity])
    expect(() => runtime.stall(ms)).toThrow('ms of stall() must be finite and ≥ 0');
});

test('an error in a timer ends the advance at that time', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  runtime.setTimer(() => {
    throw new Error('broken');
  }, 5);
  await expect(runtime.advance(10)).rejects.toThrow('broken');
  expect(runtime.now()).toBe(6);
  await runtime.advance(10);
  expect(runtime.now()).toBe(16);
});

test('invalid options and concurrent advances are errors', async () => {
  const invalid: readonly [() => unknown, string][] = [
    [() => createFakeRuntime({ seed: -1 }), 'seed must be an integer'],
    [() => createFakeRuntime({ seed: 1, startAt: 0 }), 'startAt must be finite and ≥ 1; got 0'],
    [
      () => Reflect.apply(createFakeRuntime, undefined, []),
      'options of createFakeRuntime() must be an object such as { seed: 7 }; got undefined',
    ],
    [() => seededRandom(0.5), 'seed must be an integer'],
    [
      () => createFakeRuntime({ seed: 1 }).shiftWallClock(NaN),
      'ms of shiftWallClock() must be finite; got NaN',
    ],
  ];
  for (const [run, message] of invalid)
    expect(run).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining(message) as string,
      }),
    );
  const runtime = createFakeRuntime({ seed: 1 });
  await expect(runtime.advance(-1)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'ms of advance() must be finite and ≥ 0; got -1',
  });
  const first = runtime.advance(1);
  await expect(runtime.advance(1)).rejects.toThrow('already advancing');
  await first;
});

test('a seed gives one sequence, which is uniform', () => {
  const draw = (seed: number, stream?: number) => {
    const random = seededRandom(seed, stream);
    return Array.from({ length: 5 }, () => Math.floor(random() * 1e9));
  };
  // Exact values, since the seeds of recorded failures are useful only while the sequence stays the same.
  expect(draw(1)).toEqual([788_768_475, 251_658_024, 825_738_883, 666_330_841, 99_879_977]);
  expect(draw(2)).not.toEqual(draw(1));
  expect(draw(1, 1)).not.toEqual(draw(1));
  expect(draw(2 ** 40)).not.toEqual(draw(0));

  const random = seededRandom(42);
  const tenths = new Array<number>(10).fill(0);
  for (let i = 0; i < 100_000; i++) tenths[Math.floor(random() * 10)]! += 1;
  // Chi-square with 9 degrees of freedom: 1 of 1,000 uniform generators exceeds 27.88.
  const chi = tenths.reduce((sum, count) => sum + (count - 10_000) ** 2 / 10_000, 0);
  expect(chi).toBeLessThan(27.88);
});
