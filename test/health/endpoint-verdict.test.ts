/** Verdicts from the evidence on an endpoint, as tables. */
import { expect, test } from 'vitest';
import { newlySuspect, collectReports, verdictOf } from '../../src/health/endpoint-verdict.js';
import { toEndpoint } from '../../src/core/endpoint.js';

const now = 100_000;
const member = { unhealthySince: 0, lastHardFailureAt: 0, lastUnreachableAt: 0, lastHeardAt: 0 };

test.each([
  ['there is no evidence', {}, undefined],
  ['it has just responded', { lastHeardAt: 99_999 }, 'reachable'],
  ['it responded 10 s ago', { lastHeardAt: 90_000 }, 'reachable'],
  ['it responded more than 10 s ago', { lastHeardAt: 89_999 }, undefined],
  [
    'it refused',
    { unhealthySince: 99_000, lastHardFailureAt: 99_000, lastUnreachableAt: 99_000 },
    'unreachable',
  ],
  [
    'it lost a connection, and was unreachable before',
    { unhealthySince: 99_000, lastHardFailureAt: 99_000, lastUnreachableAt: 98_000 },
    undefined,
  ],
  [
    'it responded, and refused later',
    { lastHeardAt: 98_000, unhealthySince: 99_000, lastHardFailureAt: 99_000, lastUnreachableAt: 99_000 },
    'unreachable',
  ],
  [
    'it refused long ago, and probes fail',
    { unhealthySince: 1, lastHardFailureAt: 1, lastUnreachableAt: 85_000 },
    'unreachable',
  ],
  [
    'it is no longer called or probed',
    { unhealthySince: 1, lastHardFailureAt: 1, lastUnreachableAt: 84_999 },
    undefined,
  ],
  [
    'it responded since, and is on trial',
    { lastHeardAt: 99_500, unhealthySince: 99_000, lastHardFailureAt: 99_000, lastUnreachableAt: 99_000 },
    undefined,
  ],
  ['it responds with failures', { lastHeardAt: 99_900, unhealthySince: 99_900 }, undefined],
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

test('only tracked endpoints are reported, under the canonical name', () => {
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

test('an endpoint is newly suspect only once', () => {
  const before = [endpointOf('a', 1), endpointOf('b', 1, 'suspect')];
  const after = [endpointOf('a', 1, 'suspect'), endpointOf('b', 1, 'suspect')];
  expect(newlySuspect(before, after)).toEqual(['a']);
  expect(newlySuspect(undefined, after)).toEqual(['a', 'b']);
  expect(newlySuspect(after, before)).toEqual([]);
});
