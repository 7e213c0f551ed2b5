import { expect, test } from 'vitest';
import { RegistryClock } from '../../../src/registry/remote/registry-clock.js';

test('a late event keeps the time at which the registry sent it', () => {
  const clock = new RegistryClock();
  // The registry's clock is 1,000,000 ms ahead. The request took 5 ms to arrive.
  clock.opened(100, 1_000_105);
  expect(clock.toLocal(1_000_200, 200)).toBe(195);
  expect(clock.toLocal(1_000_300, 2_300)).toBe(295);
});

test('an event never counts as sent after it is received', () => {
  const clock = new RegistryClock();
  clock.opened(0, 0);
  // The registry's clock runs 1 % faster.
  expect(clock.toLocal(10_100, 10_000)).toBe(10_000);
  // The next event is late.
  expect(clock.toLocal(11_110, 13_000)).toBe(11_010);
});

test.each([undefined, null, 'soon', NaN, Infinity])(
  'without a valid time (%s), the receipt counts',
  (statedAt) => {
    const clock = new RegistryClock();
    clock.opened(0, 0);
    expect(clock.toLocal(statedAt, 70)).toBe(70);
  },
);

test('without the time of the event open, the receipt counts', () => {
  expect(new RegistryClock().toLocal(50, 70)).toBe(70);
});
