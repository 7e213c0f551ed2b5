import { expect, test } from 'vitest';
import { isFresh, type ResolvedService } from '../../src/core/resolution-result.js';

const resolved = (ttlMs: number): ResolvedService =>
  ({ ttlMs, requestedAt: 1_000, requestedWallAt: 50_000 }) as ResolvedService;

test('a result is fresh until its lifetime has passed on either clock', () => {
  expect(isFresh(resolved(100), 1_099, 50_099)).toBe(true);
  expect(isFresh(resolved(100), 1_100, 50_099)).toBe(false);
  expect(isFresh(resolved(100), 1_099, 50_100)).toBe(false);
  expect(isFresh(resolved(0), 1_000, 50_000)).toBe(false);
});

test('a wall clock that goes back does not extend the lifetime', () => {
  expect(isFresh(resolved(100), 1_099, -1e12)).toBe(true);
  expect(isFresh(resolved(100), 1_100, -1e12)).toBe(false);
});

test('an infinite lifetime never ends', () => {
  expect(isFresh(resolved(Infinity), 1e15, 1e15)).toBe(true);
});
