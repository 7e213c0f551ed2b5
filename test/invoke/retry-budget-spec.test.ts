import { expect, test } from 'vitest';
import { retryBudget } from '../../src/invoke/retry-budget.js';
import spec from '../spec/retry-budget.json' with { type: 'json' };

test.each(spec.cases)('$why ($source)', ({ ratio, reserve, steps, granted }) => {
  const budget = retryBudget(ratio, reserve);
  let sent = 0;
  for (const [at, what, times] of steps as [number, 'first' | 'retry', number][]) {
    for (let i = 0; i < times; i++) {
      if (what === 'first') {
        budget.deposit(at);
      } else if (budget.tryWithdraw(at)) {
        budget.spent(at);
        sent++;
      }
    }
  }
  expect(sent).toBe(granted);
});
