import { expect, test } from 'vitest';
import { isFresh, type ResolvedService } from '../../src/core/resolution-result.js';

const answer = (ttlMs: number): ResolvedService =>
  ({ ttlMs, requestedAt: 1_000, requestedWallAt: 50_000 }) as ResolvedService;

test('an answer may be used until its time is over on either clock', () => {
  expect(isFresh(answer(100), 1_099, 50_099)).toBe(true);
  expect(isFresh(answer(100), 1_100, 50_099)).toBe(false);
  expect(isFresh(answer(100), 1_099, 50_100)).toBe(false);
  expect(isFresh(answer(0), 1_000, 50_000)).toBe(false);
});

test('a wall clock that goes back lengthens nothing', () => {
  expect(isFresh(answer(100), 1_099, -1e12)).toBe(true);
  expect(isFresh(answer(100), 1_100, -1e12)).toBe(false);
});

test('for ever is for ever', () => {
  expect(isFresh(answer(Infinity), 1e15, 1e15)).toBe(true);
});
