import { expect, test } from 'vitest';
import { withTimeout } from '../../src/core/clock.js';
import { ManualClock, flushPromises } from '../support/manual-clock.js';

const late = (): Error => new Error('late');

test('passes on a result in time and leaves no timer', async () => {
  const clock = new ManualClock();
  await expect(withTimeout(clock, 100, Promise.resolve(7), late)).resolves.toBe(7);
  await expect(withTimeout(clock, 100, Promise.reject(new Error('broken')), late)).rejects.toThrow('broken');
  await flushPromises();
  expect(clock.pending).toBe(0);
});

test('rejects after the timeout and ignores a later rejection', async () => {
  const clock = new ManualClock();
  let fail: (error: Error) => void = () => {};
  const waiting = withTimeout(clock, 100, new Promise((_resolve, reject) => (fail = reject)), late);
  clock.advance(99);
  expect(clock.hasRefTimers).toBe(false);
  clock.advance(1);
  await expect(waiting).rejects.toThrow('late');
  fail(new Error('too late'));
  await flushPromises();
});
