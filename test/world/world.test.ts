import { expect, test } from 'vitest';
import { faultKinds, happenings } from './marks.js';
import { keepEveryPromise } from './seeds.js';

const { marks, isWhole } = keepEveryPromise(2_000, 100);

test('everything that can go wrong did, and everything that matters happened', () => {
  isWhole();
  const faults = faultKinds.map((kind) => `fault:${kind}` as const);
  expect(marks.rarerThan(100, faults)).toEqual([]);
  expect(marks.rarerThan(50, happenings)).toEqual([]);
});
