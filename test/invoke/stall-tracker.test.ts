import { expect, test } from 'vitest';
import { StallTracker } from '../../src/invoke/stall-tracker.js';
import { TimerWheel } from '../../src/invoke/timer-wheel.js';
import { ManualClock } from '../support/manual-clock.js';

test('timers that are late by less than 20 ms say nothing', () => {
  const lag = new StallTracker();
  lag.record(1_000, 1_019.9);
  expect([lag.lastEndedAt, lag.stalledMsSince(0)]).toEqual([0, 0]);
  lag.record(1_000, 1_020);
  expect([lag.lastEndedAt, lag.stalledMsSince(0)]).toEqual([1_020, 20]);
});

test('of a span counts what came after the instant asked for', () => {
  const lag = new StallTracker();
  lag.record(1_000, 1_300);
  lag.record(2_000, 2_050);
  expect([900, 1_000, 1_100, 1_300, 2_010, 2_050, 3_000].map((at) => lag.stalledMsSince(at))).toEqual([
    350, 350, 250, 50, 40, 0, 0,
  ]);
});

test('an attempt is waited for as much longer as the process stood still meanwhile, and no longer', () => {
  const lag = new StallTracker();
  lag.record(1_000, 1_300);
  expect(lag.graceUntil(950, 100, 1_300)).toBe(1_350);
  expect(lag.graceUntil(950, 100, 1_350)).toBe(0);
  expect(lag.graceUntil(1_300, 100, 1_310)).toBe(0);
});

test('of very many spans the last are remembered', () => {
  const lag = new StallTracker();
  for (let i = 0; i < 1_000; i++) lag.record(1_000 * i, 1_000 * i + 100);
  expect(lag.stalledMsSince(0)).toBe(1_600);
  expect(lag.stalledMsSince(998_050)).toBe(150);
});

/** A wheel with one entry that is due at an instant. */
function waiting(at: number): { clock: ManualClock; wheel: TimerWheel } {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  const nothing = (): void => {};
  wheel.set({ expiresAt: 0, previous: undefined, next: undefined, expire: nothing, abort: nothing }, at);
  return { clock, wheel };
}

test('a wheel finds a span out before what is due, whatever that is, give or take a pulse', () => {
  for (const beforeMs of [0, 7, 20, 33, 500]) {
    const { clock, wheel } = waiting(11_000);
    clock.advance(beforeMs);
    clock.stall(100);
    clock.advance(0);
    expect(wheel.stalls.stalledMsSince(0)).toBeGreaterThanOrEqual(80);
    expect(wheel.stalls.stalledMsSince(0)).toBeLessThanOrEqual(100);
  }
});

test('one that sees to its time finds nothing', () => {
  const { clock, wheel } = waiting(3_000);
  for (let i = 0; i < 300; i++) clock.advance(19);
  expect(wheel.stalls.stalledMsSince(0)).toBe(0);
});

test('long waits are not looked after for ever, and new ones again', () => {
  const { clock, wheel } = waiting(3_600_000);
  clock.advance(10_000);
  expect(clock.nextAt).toBe(3_600_000);
  clock.stall(500);
  const nothing = (): void => {};
  const entry = { expiresAt: 0, previous: undefined, next: undefined, expire: nothing, abort: nothing };
  wheel.set(entry, clock.now() + 10_000);
  expect(clock.nextAt).toBeLessThanOrEqual(clock.now() + 20);
  clock.stall(500);
  clock.advance(0);
  expect(wheel.stalls.stalledMsSince(0)).toBeGreaterThanOrEqual(480);
  expect(wheel.stalls.stalledMsSince(0)).toBeLessThanOrEqual(500);
});

test('a timer that is set anew while it is overdue takes what it was late by with it', () => {
  const { clock, wheel } = waiting(1_012);
  clock.stall(300);
  const nothing = (): void => {};
  wheel.set({ expiresAt: 0, previous: undefined, next: undefined, expire: nothing, abort: nothing }, 1_001);
  clock.advance(0);
  expect(wheel.stalls.stalledMsSince(0)).toBeGreaterThanOrEqual(280);
});
