import { expect, test, vi } from 'vitest';
import { retryLoop } from '../../src/runtime/p-retry-loop.js';

const wait = (): Promise<void> => Promise.resolve();

/** An attempt that rejects with each of the errors in turn, then resolves. */
function failing(...errors: readonly unknown[]) {
  return vi.fn(async (number: number) => {
    if (number <= errors.length) throw errors[number - 1];
    return 'done';
  });
}

test.each([
  ['an error', new Error('away')],
  ['a TypeError of another kind than a failed fetch', new TypeError('x is not a function')],
  ['a value that is not an error', 'away'],
  ['undefined', undefined],
])('an attempt that rejects with %s is repeated after the wait', async (_, error) => {
  const waits: unknown[] = [];
  const attempt = failing(error, error);
  const result = await retryLoop(attempt, { wait: async (...args) => void waits.push(args) });
  expect([result, attempt.mock.calls]).toEqual(['done', [[1], [2], [3]]]);
  expect(waits).toEqual([
    [error, 1],
    [error, 2],
  ]);
});

test.each([new Error('refused'), new TypeError('refused'), 'refused'])(
  'an error that must not be retried ends the loop without a wait, and unchanged',
  async (error) => {
    const waiting = vi.fn(wait);
    const attempt = failing('away', error);
    const shouldRetry = (failure: unknown): boolean => failure !== error;
    await expect(retryLoop(attempt, { shouldRetry, wait: waiting })).rejects.toBe(error);
    expect([attempt, waiting].map(({ mock }) => mock.calls.length)).toEqual([2, 1]);
  },
);

test.each([new Error('enough'), 'enough'])(
  'after an abort, the loop makes no attempt and rejects with the reason %s',
  async (reason) => {
    for (const during of ['wait', 'attempt', 'result'] as const) {
      const controller = new AbortController();
      const { signal } = controller;
      const attempt = vi.fn(async () => {
        if (during !== 'wait') controller.abort(reason);
        if (during !== 'result') throw new Error('away');
      });
      const waiting = vi.fn(async () => controller.abort(reason));
      await expect(retryLoop(attempt, { signal, wait: waiting })).rejects.toBe(reason);
      expect(attempt).toHaveBeenCalledTimes(1);
      expect(waiting).toHaveBeenCalledTimes(during === 'wait' ? 1 : 0);
    }
    const attempt = failing();
    await expect(retryLoop(attempt, { signal: AbortSignal.abort(reason), wait })).rejects.toBe(reason);
    expect(attempt).not.toHaveBeenCalled();
  },
);
