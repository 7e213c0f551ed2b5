import { expect, test } from 'vitest';
import { maxSliceCost, resultAtOnce, resultInSlices, SliceQueue } from '../../src/core/slice-queue.js';

/** A queue whose slices run when the test says so. */
function manualQueue() {
  const pending: (() => void)[] = [];
  const queue = new SliceQueue({ afterPendingIo: (callback) => void pending.push(callback) });
  return {
    queue,
    async slice() {
      expect(pending.length).toBeLessThanOrEqual(1);
      pending.shift()?.();
      for (let i = 0; i < 10; i++) await Promise.resolve();
    },
    get isIdle() {
      return pending.length === 0;
    },
  };
}

test('steps share a slice up to its cost, and each waiting step gets its turn', async () => {
  const { queue, slice } = manualQueue();
  const log: string[] = [];
  const add = (name: string, parts: number): void =>
    queue.add(() => {
      log.push(name);
      if (parts > 1) add(name, parts - 1);
      return maxSliceCost / 2;
    });
  for (const name of ['a', 'b', 'c']) add(name, 2);
  expect(log).toEqual([]);
  await slice();
  expect(log).toEqual(['a', 'b']);
  await slice();
  expect(log).toEqual(['a', 'b', 'c', 'a']);
  await slice();
  expect(log).toEqual(['a', 'b', 'c', 'a', 'b', 'c']);
});

test('work that yields costs stops at the end of its slice', async () => {
  const manual = manualQueue();
  let done = 0;
  const work = function* (): IterableIterator<number> {
    for (; done < 25; done++) yield maxSliceCost / 10;
  };
  manual.queue.run(work());
  for (const expected of [9, 19, 25]) {
    await manual.slice();
    expect(done).toBe(expected);
  }
  expect(manual.isIdle).toBe(true);
});

test('a result in slices begins again after a change, at most three times', async () => {
  const { queue, slice } = manualQueue();
  let version = 0;
  let starts = 0;
  const start = function* (): Iterator<number, string> {
    starts++;
    for (let i = 0; i < 3; i++) yield maxSliceCost;
    return `read at ${version}`;
  };
  const settled: (string | undefined)[] = [];
  const read = () => resultInSlices(queue, { start: () => start(), version: () => version });
  void read().then((value) => settled.push(value));
  await slice();
  version++;
  for (let i = 0; i < 4; i++) await slice();
  expect([starts, settled]).toEqual([2, ['read at 1']]);
  void read().then((value) => settled.push(value));
  for (let i = 0; i < 6; i++) {
    version++;
    await slice();
  }
  expect([starts, settled]).toEqual([5, ['read at 1', undefined]]);
  expect(resultAtOnce(start())).toBe('read at 7');
});
