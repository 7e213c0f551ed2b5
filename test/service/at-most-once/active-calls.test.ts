import { expect, test } from 'vitest';
import { ActiveCalls } from '../../../src/service/at-most-once/active-calls.js';

test('a call is active during another lookup, while it runs, and until lookups started before its end have finished', () => {
  const inHand = new ActiveCalls();
  inHand.lookupStarted('a', 1);
  expect(inHand.lookupFinished('a', false)).toBe(false);
  inHand.lookupStarted('a', 1);
  inHand.lookupStarted('a', 1);
  expect(inHand.lookupFinished('a', false)).toBe(true);
  expect(inHand.lookupFinished('a', true)).toBe(false);
  inHand.lookupStarted('a', 1);
  inHand.lookupStarted('b', 1);
  expect(inHand.lookupFinished('b', false)).toBe(false);
  inHand.executionEnded('a');
  expect(inHand.lookupFinished('a', false)).toBe(true);
  inHand.lookupStarted('a', 1);
  expect(inHand.lookupFinished('a', false)).toBe(false);
});

test('an execution that never ends is forgotten once its key has expired', () => {
  const inHand = new ActiveCalls();
  for (const [id, bornAt] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    inHand.lookupStarted(id, bornAt);
    inHand.lookupFinished(id, true);
  }
  inHand.expire(2);
  inHand.executionEnded('a');
  for (const id of ['a', 'b']) inHand.lookupStarted(id, 2);
  expect([inHand.lookupFinished('a', false), inHand.lookupFinished('b', false)]).toEqual([false, true]);
});
