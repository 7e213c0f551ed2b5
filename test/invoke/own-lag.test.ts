import { expect, test } from 'vitest';
import { OwnLag } from '../../src/invoke/own-lag.js';
import { Wheel } from '../../src/invoke/wheel.js';
import { HandClock } from '../support/clock.js';

test('timers that are late by less than 20 ms say nothing', () => {
  const lag = new OwnLag();
  lag.note(1_000, 1_019.9);
  expect([lag.lastAt, lag.since(0)]).toEqual([0, 0]);
  lag.note(1_000, 1_020);
  expect([lag.lastAt, lag.since(0)]).toEqual([1_020, 20]);
});

test('of a span counts what came after the instant asked for', () => {
  const lag = new OwnLag();
  lag.note(1_000, 1_300);
  lag.note(2_000, 2_050);
  expect([900, 1_000, 1_100, 1_300, 2_010, 2_050, 3_000].map((at) => lag.since(at))).toEqual([
    350, 350, 250, 50, 40, 0, 0,
  ]);
});

test('an attempt is waited for as much longer as the process stood still meanwhile, and no longer', () => {
  const lag = new OwnLag();
  lag.note(1_000, 1_300);
  expect(lag.graceUntil(950, 100, 1_300)).toBe(1_350);
  expect(lag.graceUntil(950, 100, 1_350)).toBe(0);
  expect(lag.graceUntil(1_300, 100, 1_310)).toBe(0);
});

test('of very many spans the last are remembered', () => {
  const lag = new OwnLag();
  for (let i = 0; i < 1_000; i++) lag.note(1_000 * i, 1_000 * i + 100);
  expect(lag.since(0)).toBe(1_600);
  expect(lag.since(998_050)).toBe(150);
});

/** A wheel with one entry that is due at an instant. */
function waiting(at: number): { clock: HandClock; wheel: Wheel } {
  const clock = new HandClock();
  const wheel = new Wheel(clock);
  const nothing = (): void => {};
  wheel.set({ expiresAt: 0, previous: undefined, next: undefined, expire: nothing, cut: nothing }, at);
  return { clock, wheel };
}

test('a wheel finds a span out before what is due, whatever that is, give or take a pulse', () => {
  for (const beforeMs of [0, 7, 20, 33, 500]) {
    const { clock, wheel } = waiting(11_000);
    clock.advance(beforeMs);
    clock.block(100);
    clock.advance(0);
    expect(wheel.lag.since(0)).toBeGreaterThanOrEqual(80);
    expect(wheel.lag.since(0)).toBeLessThanOrEqual(100);
  }
});

test('one that sees to its time finds nothing', () => {
  const { clock, wheel } = waiting(3_000);
  for (let i = 0; i < 300; i++) clock.advance(19);
  expect(wheel.lag.since(0)).toBe(0);
});

test('long waits are not looked after for ever, and new ones again', () => {
  const { clock, wheel } = waiting(3_600_000);
  clock.advance(10_000);
  expect(clock.nextAt).toBe(3_600_000);
  clock.block(500);
  const nothing = (): void => {};
  const entry = { expiresAt: 0, previous: undefined, next: undefined, expire: nothing, cut: nothing };
  wheel.set(entry, clock.now() + 10_000);
  expect(clock.nextAt).toBeLessThanOrEqual(clock.now() + 20);
  clock.block(500);
  clock.advance(0);
  expect(wheel.lag.since(0)).toBeGreaterThanOrEqual(480);
  expect(wheel.lag.since(0)).toBeLessThanOrEqual(500);
});

test('a timer that is set anew while it is overdue takes what it was late by with it', () => {
  const { clock, wheel } = waiting(1_012);
  clock.block(300);
  const nothing = (): void => {};
  wheel.set({ expiresAt: 0, previous: undefined, next: undefined, expire: nothing, cut: nothing }, 1_001);
  clock.advance(0);
  expect(wheel.lag.since(0)).toBeGreaterThanOrEqual(280);
});
