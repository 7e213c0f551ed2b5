import { expect, test } from 'vitest';
import { DelayQueue } from '../../../src/server/naming/delay-queue.js';

test('items are due in order, and an item that is put again is due later', () => {
  const queue = new DelayQueue<string>(10);
  expect(queue.nextDueAt).toBe(Infinity);
  queue.put('a', 0);
  queue.put('b', 2);
  queue.put('c', 3);
  queue.put('a', 4);
  queue.delete('c');
  expect(queue.nextDueAt).toBe(12);
  expect([...queue.takeDue(11)]).toEqual([]);
  expect([...queue.takeDue(13)]).toEqual(['b']);
  expect([queue.has('a'), queue.has('b'), queue.nextDueAt]).toEqual([true, false, 14]);
  expect([...queue.takeDue(14)]).toEqual(['a']);
});
