import { expect, test } from 'vitest';
import { StallTracker } from '../../src/invoke/stall-tracker.js';
import { TimerWheel } from '../../src/invoke/timer-wheel.js';
import { ManualClock } from '../support/manual-clock.js';

test('a timer that is less than 20 ms late is not a stall', () => {
  const stalls = new StallTracker();
  stalls.record(1_000, 1_019.9);
  expect([stalls.lastEndedAt, stalls.stalledMsSince(0)]).toEqual([0, 0]);
  stalls.record(1_000, 1_020);
  expect([stalls.lastEndedAt, stalls.stalledMsSince(0)]).toEqual([1_020, 20]);
});

test('only the part of a stall after the start counts', () => {
  const stalls = new StallTracker();
  stalls.record(1_000, 1_300);
  stalls.record(2_000, 2_050);
  expect([900, 1_000, 1_100, 1_300, 2_010, 2_050, 3_000].map((at) => stalls.stalledMsSince(at))).toEqual([
    350, 350, 250, 50, 40, 0, 0,
  ]);
});

test('an attempt timeout is extended by the stall time', () => {
  const stalls = new StallTracker();
  stalls.record(1_000, 1_300);
  expect(stalls.graceUntil(950, 100, 1_300)).toBe(1_350);
  expect(stalls.graceUntil(950, 100, 1_350)).toBe(0);
  expect(stalls.graceUntil(1_300, 100, 1_310)).toBe(0);
});

test('only the newest 16 stalls are kept', () => {
  const stalls = new StallTracker();
  for (let i = 0; i < 1_000; i++) stalls.record(1_000 * i, 1_000 * i + 100);
  expect(stalls.stalledMsSince(0)).toBe(1_600);
  expect(stalls.stalledMsSince(998_050)).toBe(150);
});

/** A wheel with one entry that is due at `at`. */
function waiting(at: number): { clock: ManualClock; wheel: TimerWheel } {
  const clock = new ManualClock();
  const wheel = new TimerWheel(clock);
  const nothing = (): void => {};
  wheel.set({ expiresAt: 0, previous: undefined, next: undefined, expire: nothing, abort: nothing }, at);
  return { clock, wheel };
}

test('the timer wheel detects a stall to within 20 ms, whenever its entry is due', () => {
  for (const beforeMs of [0, 7, 20, 33, 500]) {
    const { clock, wheel } = waiting(11_000);
    clock.advance(beforeMs);
    clock.stall(100);
    clock.advance(0);
    expect(wheel.stalls.stalledMsSince(0)).toBeGreaterThanOrEqual(80);
    expect(wheel.stalls.stalledMsSince(0)).toBeLessThanOrEqual(100);
  }
});

test('the timer wheel detects no stall when timers fire in time', () => {
  const { clock, wheel } = waiting(3_000);
  for (let i = 0; i < 300; i++) clock.advance(19);
  expect(wheel.stalls.stalledMsSince(0)).toBe(0);
});

test('stall checks end during a long wait, and restart with a new entry', () => {
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

test('a stall is recorded when an overdue timer is reset', () => {
  const { clock, wheel } = waiting(1_012);
  clock.stall(300);
  const nothing = (): void => {};
  wheel.set({ expiresAt: 0, previous: undefined, next: undefined, expire: nothing, abort: nothing }, 1_001);
  clock.advance(0);
  expect(wheel.stalls.stalledMsSince(0)).toBeGreaterThanOrEqual(280);
});
