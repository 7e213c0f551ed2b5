import { expect, test } from 'vitest';
import { ArrivingBodies } from '../../../src/service/at-most-once/arriving-bodies.js';

test('above the limit, the caller with the most bytes loses the body that has waited longest', () => {
  const bodies = new ArrivingBodies(100);
  const cancelled: string[] = [];
  const start = (caller: string, name: string) => bodies.start(caller, () => void cancelled.push(name));
  const honest = start('honest', 'honest');
  honest.received(30);
  const [first, second, third] = ['s1', 's2', 's3'].map((name) => start('stranger', name));
  first?.received(20);
  second?.received(20);
  third?.received(20);
  first?.received(1);
  expect(cancelled).toEqual([]);
  third?.received(20);
  expect(cancelled).toEqual(['s2']);
  honest.received(10);
  second?.received(1_000);
  expect(cancelled).toEqual(['s2', 's1']);
  honest.end();
  third?.received(59);
  expect(cancelled).toEqual(['s2', 's1']);
  third?.received(2);
  expect(cancelled).toEqual(['s2', 's1', 's3']);
  third?.end();
  start('stranger', 's4').received(100);
  expect(cancelled).toHaveLength(3);
});
