import { expect, test } from 'vitest';
import { statusOf } from '../../../../src/server/naming/health/suspect-rule.js';
import { Votes } from '../../../../src/server/naming/health/votes.js';

/** Votes from texts such as `a1- a2+ b1-`: principal, client, and whether the client can reach the endpoint. */
function votesOf(texts: string): Votes {
  const votes = new Votes();
  for (const [principal, , sign] of texts.split(' ').filter(Boolean))
    votes.count(principal!, sign === '-' ? 'unreachable' : 'reachable', 1);
  return votes;
}

test.each([
  ['', 'healthy'],
  ['a1+', 'healthy'],
  // The only client.
  ['a1-', 'suspect'],
  ['a1- b1+', 'reviewing'],
  ['a1- b1-', 'suspect'],
  ['a1- b1- c1+', 'suspect'],
  ['a1- b1- c1+ d1+', 'reviewing'],
  ['a1- b1+ c1+', 'reviewing'],
  // A principal has one vote, that of the majority of its clients.
  ['a1- a2- a3- a4- b1+', 'reviewing'],
  ['a1- a2- a3- a4- b1+ c1+', 'reviewing'],
  ['a1- a2- a3+', 'suspect'],
  ['a1- a2+ a3+ b1- c1-', 'suspect'],
  // On a tie it has no vote, but still counts as a principal.
  ['a1- a2+', 'reviewing'],
  ['a1- a2+ b1-', 'reviewing'],
  ['a1- a2+ b1- c1-', 'suspect'],
])('after the review of %s the endpoint is %s', (texts, expected) => {
  expect(statusOf(votesOf(texts), { isReviewed: true, isRenewalOverdue: false, calls: 'unknown' })).toBe(
    expected,
  );
});

test.each([
  ['a1-', 'served', 'reviewing'],
  ['a1- b1- c1-', 'served', 'reviewing'],
  ['a1- b1- c1-', 'awaited', 'reviewing'],
  ['a1-', 'idle', 'suspect'],
  // Invented clients of the same principal have no veto; another principal has a vote.
  ['a1- a2+ a3+ a4+', 'idle', 'suspect'],
  ['a1- a2+ b1+', 'idle', 'reviewing'],
  ['a1- b1+', 'idle', 'reviewing'],
  ['a1- b1- c1+', 'idle', 'suspect'],
] as const)('after the review of %s, an endpoint whose calls are %s is %s', (texts, calls, expected) => {
  expect(statusOf(votesOf(texts), { isReviewed: true, isRenewalOverdue: false, calls })).toBe(expected);
});

test.each([
  ['a1-', false, false, 'reviewing'],
  ['a1- b1-', false, false, 'reviewing'],
  ['', false, true, 'suspect'],
  ['a1+ b1+', true, true, 'suspect'],
] as const)('%s, reviewed %s, renewal overdue %s: %s', (texts, isReviewed, isRenewalOverdue, expected) => {
  expect(statusOf(votesOf(texts), { isReviewed, isRenewalOverdue, calls: 'unknown' })).toBe(expected);
});

test('a removed verdict has no effect', () => {
  const votes = votesOf('a1- a2- b1+');
  votes.count('a', 'unreachable', -1);
  votes.count('b', 'reachable', -1);
  expect([votes.hasUnreachableMajority, votes.unreachableReports, votes.principals]).toEqual([true, 1, 1]);
  votes.count('a', 'unreachable', -1);
  expect([votes.hasUnreachableMajority, votes.unreachableReports, votes.principals]).toEqual([false, 0, 0]);
});
