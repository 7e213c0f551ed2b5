/** Votes and what follows from them, as tables. */
import { expect, test } from 'vitest';
import { Votes, statusOf } from '../../../../src/server/naming/health/votes.js';
import { DelayQueue } from '../../../../src/server/naming/delay-queue.js';

/** A poll of words such as `a1- a2+ b1-`: principal, clerk, and whether it can reach it. */
function pollOf(words: string): Votes {
  const poll = new Votes();
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
  expect(statusOf(pollOf(words), { isReviewed: true, isRenewalOverdue: false })).toBe(expected);
});

test.each([
  ['a1-', false, false, 'doubted'],
  ['a1- b1-', false, false, 'doubted'],
  ['', false, true, 'suspect'],
  ['a1+ b1+', true, true, 'suspect'],
] as const)('%s, heard %s, lease faltering %s: %s', (words, isHeard, isFaltering, expected) => {
  expect(statusOf(pollOf(words), { isReviewed: isHeard, isRenewalOverdue: isFaltering })).toBe(expected);
});

test('what is counted out again was never there', () => {
  const poll = pollOf('a1- a2- b1+');
  poll.count('a', 'unreachable', -1);
  poll.count('b', 'reachable', -1);
  expect([poll.hasUnreachableMajority, poll.unreachableReports, poll.principals]).toEqual([true, 1, 1]);
  poll.count('a', 'unreachable', -1);
  expect([poll.hasUnreachableMajority, poll.unreachableReports, poll.principals]).toEqual([false, 0, 0]);
});

test('what waits is due in order, and what is put in anew later', () => {
  const waiting = new DelayQueue<string>(10);
  expect(waiting.nextDueAt).toBe(Infinity);
  waiting.put('a', 0);
  waiting.put('b', 2);
  waiting.put('c', 3);
  waiting.put('a', 4);
  waiting.delete('c');
  expect(waiting.nextDueAt).toBe(12);
  expect([...waiting.takeDue(11)]).toEqual([]);
  expect([...waiting.takeDue(13)]).toEqual(['b']);
  expect([waiting.has('a'), waiting.has('b'), waiting.nextDueAt]).toEqual([true, false, 14]);
  expect([...waiting.takeDue(14)]).toEqual(['a']);
});
