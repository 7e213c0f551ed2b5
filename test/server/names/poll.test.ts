/** Votes and what follows from them, as tables. */
import { expect, test } from 'vitest';
import { Poll, standingOf } from '../../../src/server/names/poll.js';
import { Waiting } from '../../../src/server/names/waiting.js';

/** A poll of words such as `a1- a2+ b1-`: principal, clerk, and whether it can reach it. */
function pollOf(words: string): Poll {
  const poll = new Poll();
  for (const [principal, , sign] of words.split(' ').filter(Boolean))
    poll.count(principal!, sign === '-' ? 'unreachable' : 'reachable', 1);
  return poll;
}

test.each([
  ['', 'good'],
  ['a1+', 'good'],
  // The only one who calls it.
  ['a1-', 'suspect'],
  ['a1- b1+', 'doubted'],
  ['a1- b1-', 'suspect'],
  ['a1- b1- c1+', 'suspect'],
  ['a1- b1- c1+ d1+', 'doubted'],
  ['a1- b1+ c1+', 'doubted'],
  // A host has one vote, which most of its clerks cast.
  ['a1- a2- a3- a4- b1+', 'doubted'],
  ['a1- a2- a3- a4- b1+ c1+', 'doubted'],
  ['a1- a2- a3+', 'suspect'],
  ['a1- a2+ a3+ b1- c1-', 'suspect'],
  // One that is divided has none, and is there all the same.
  ['a1- a2+', 'doubted'],
  ['a1- a2+ b1-', 'doubted'],
  ['a1- a2+ b1- c1-', 'suspect'],
])('%s is %s', (words, expected) => {
  expect(standingOf(pollOf(words), { isHeard: true, isFaltering: false })).toBe(expected);
});

test.each([
  ['a1-', false, false, 'doubted'],
  ['a1- b1-', false, false, 'doubted'],
  ['', false, true, 'suspect'],
  ['a1+ b1+', true, true, 'suspect'],
] as const)('%s, heard %s, lease faltering %s: %s', (words, isHeard, isFaltering, expected) => {
  expect(standingOf(pollOf(words), { isHeard, isFaltering })).toBe(expected);
});

test('what is counted out again was never there', () => {
  const poll = pollOf('a1- a2- b1+');
  poll.count('a', 'unreachable', -1);
  poll.count('b', 'reachable', -1);
  expect([poll.isCondemned, poll.complaints, poll.principals]).toEqual([true, 1, 1]);
  poll.count('a', 'unreachable', -1);
  expect([poll.isCondemned, poll.complaints, poll.principals]).toEqual([false, 0, 0]);
});

test('what waits is due in order, and what is put in anew later', () => {
  const waiting = new Waiting<string>(10);
  expect(waiting.nextAt).toBe(Infinity);
  waiting.put('a', 0);
  waiting.put('b', 2);
  waiting.put('c', 3);
  waiting.put('a', 4);
  waiting.delete('c');
  expect(waiting.nextAt).toBe(12);
  expect([...waiting.due(11)]).toEqual([]);
  expect([...waiting.due(13)]).toEqual(['b']);
  expect([waiting.has('a'), waiting.has('b'), waiting.nextAt]).toEqual([true, false, 14]);
  expect([...waiting.due(14)]).toEqual(['a']);
});
