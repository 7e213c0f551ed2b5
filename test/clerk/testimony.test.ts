/** What a clerk makes of what it has seen, as tables. */
import { expect, test } from 'vitest';
import { newlyMarked, testimonyOf, verdictOf } from '../../src/testimony.js';
import { toEndpoint } from '../../src/core/endpoint.js';

const now = 100_000;
const member = { troubledAt: 0, failedAt: 0, missedAt: 0, heardAt: 0 };

test.each([
  ['nothing is known of it', {}, undefined],
  ['it has just answered', { heardAt: 99_999 }, 'reachable'],
  ['it answered ten seconds ago', { heardAt: 90_000 }, 'reachable'],
  ['it answered longer ago', { heardAt: 89_999 }, undefined],
  ['it refused', { troubledAt: 99_000, failedAt: 99_000, missedAt: 99_000 }, 'unreachable'],
  [
    'it answered once, and refused then',
    { heardAt: 98_000, troubledAt: 99_000, failedAt: 99_000, missedAt: 99_000 },
    'unreachable',
  ],
  ['it refused long ago, and probes fail', { troubledAt: 1, failedAt: 1, missedAt: 85_000 }, 'unreachable'],
  ['nobody calls or probes it any more', { troubledAt: 1, failedAt: 1, missedAt: 84_999 }, undefined],
  [
    'it answered since, and is on trial',
    { heardAt: 99_500, troubledAt: 99_000, failedAt: 99_000, missedAt: 99_000 },
    undefined,
  ],
  ['it answers, badly', { heardAt: 99_900, troubledAt: 99_900 }, undefined],
  ['it refused and has recovered', { heardAt: 99_500, failedAt: 99_000, missedAt: 99_000 }, 'reachable'],
])('%s', (_what, seen, expected) => {
  expect(verdictOf({ ...member, ...seen }, now)).toBe(expected);
});

const endpointOf = (id: string, epoch: number, state: 'up' | 'suspect' = 'up') =>
  toEndpoint({ id, epoch, address: 'http://127.0.0.1:1', state }, '/a');

test('it speaks of those that somebody wants to know of, by the name behind all links', () => {
  const members = ['a', 'b', 'c'].map((id, i) => ({ ...member, heardAt: now, endpoint: endpointOf(id, i) }));
  const ids = new Map([
    ['b', 0],
    ['z', 0],
  ]);
  expect(testimonyOf(members, ids, '/canonical', now)).toEqual([
    { name: '/canonical', id: 'b', epoch: 1, verdict: 'reachable' },
  ]);
});

test('a mark is news once', () => {
  const before = [endpointOf('a', 1), endpointOf('b', 1, 'suspect')];
  const after = [endpointOf('a', 1, 'suspect'), endpointOf('b', 1, 'suspect')];
  expect(newlyMarked(before, after)).toEqual(['a']);
  expect(newlyMarked(undefined, after)).toEqual(['a', 'b']);
  expect(newlyMarked(after, before)).toEqual([]);
});
