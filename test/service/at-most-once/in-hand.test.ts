/** Which calls a process has in hand. */
import { expect, test } from 'vitest';
import { InHand } from '../../../src/service/at-most-once/in-hand.js';

test('a call is in hand while another question is open, or it runs, and as long as a question from then is open', () => {
  const inHand = new InHand();
  inHand.asked('a', 1);
  expect(inHand.told('a', false)).toBe(false);
  inHand.asked('a', 1);
  inHand.asked('a', 1);
  expect(inHand.told('a', false)).toBe(true);
  expect(inHand.told('a', true)).toBe(false);
  inHand.asked('a', 1);
  inHand.asked('b', 1);
  expect(inHand.told('b', false)).toBe(false);
  inHand.over('a');
  expect(inHand.told('a', false)).toBe(true);
  inHand.asked('a', 1);
  expect(inHand.told('a', false)).toBe(false);
});

test('a run that never ends is let go with its age', () => {
  const inHand = new InHand();
  for (const [id, bornAt] of [
    ['a', 1],
    ['b', 2],
  ] as const) {
    inHand.asked(id, bornAt);
    inHand.told(id, true);
  }
  inHand.forget(2);
  inHand.over('a');
  for (const id of ['a', 'b']) inHand.asked(id, 2);
  expect([inHand.told('a', false), inHand.told('b', false)]).toEqual([false, true]);
});
