/** What a clerk makes of what it has seen, as tables. */
import { expect, test } from 'vitest';
import { newlySuspect, collectReports, verdictOf } from '../../src/health/endpoint-verdict.js';
import { toEndpoint } from '../../src/core/endpoint.js';

const now = 100_000;
const member = { unhealthySince: 0, lastHardFailureAt: 0, lastUnreachableAt: 0, lastHeardAt: 0 };

test.each([
  ['nothing is known of it', {}, undefined],
  ['it has just answered', { lastHeardAt: 99_999 }, 'reachable'],
  ['it answered ten seconds ago', { lastHeardAt: 90_000 }, 'reachable'],
  ['it answered longer ago', { lastHeardAt: 89_999 }, undefined],
  [
    'it refused',
    { unhealthySince: 99_000, lastHardFailureAt: 99_000, lastUnreachableAt: 99_000 },
    'unreachable',
  ],
  [
    'it answered once, and refused then',
    { lastHeardAt: 98_000, unhealthySince: 99_000, lastHardFailureAt: 99_000, lastUnreachableAt: 99_000 },
    'unreachable',
  ],
  [
    'it refused long ago, and probes fail',
    { unhealthySince: 1, lastHardFailureAt: 1, lastUnreachableAt: 85_000 },
    'unreachable',
  ],
  [
    'nobody calls or probes it any more',
    { unhealthySince: 1, lastHardFailureAt: 1, lastUnreachableAt: 84_999 },
    undefined,
  ],
  [
    'it answered since, and is on trial',
    { lastHeardAt: 99_500, unhealthySince: 99_000, lastHardFailureAt: 99_000, lastUnreachableAt: 99_000 },
    undefined,
  ],
  ['it answers, badly', { lastHeardAt: 99_900, unhealthySince: 99_900 }, undefined],
  [
    'it refused and has recovered',
    { lastHeardAt: 99_500, lastHardFailureAt: 99_000, lastUnreachableAt: 99_000 },
    'reachable',
  ],
])('%s', (_what, seen, expected) => {
  expect(verdictOf({ ...member, ...seen }, now)).toBe(expected);
});

const endpointOf = (id: string, epoch: number, state: 'up' | 'suspect' = 'up') =>
  toEndpoint({ id, epoch, address: 'http://127.0.0.1:1', state }, '/a');

test('it speaks of those that somebody wants to know of, by the name behind all links', () => {
  const members = ['a', 'b', 'c'].map((id, i) => ({
    ...member,
    lastHeardAt: now,
    endpoint: endpointOf(id, i),
  }));
  const ids = new Map([
    ['b', 0],
    ['z', 0],
  ]);
  expect(collectReports(members, ids, '/canonical', now)).toEqual([
    { name: '/canonical', id: 'b', epoch: 1, verdict: 'reachable' },
  ]);
});

test('a mark is news once', () => {
  const before = [endpointOf('a', 1), endpointOf('b', 1, 'suspect')];
  const after = [endpointOf('a', 1, 'suspect'), endpointOf('b', 1, 'suspect')];
  expect(newlySuspect(before, after)).toEqual(['a']);
  expect(newlySuspect(undefined, after)).toEqual(['a', 'b']);
  expect(newlySuspect(after, before)).toEqual([]);
});
