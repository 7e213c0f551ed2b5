import fc from 'fast-check';
import { expect, test } from 'vitest';
import { retryBudget, type RetryBudget } from '../../src/invoke/retry-budget.js';

/** Takes a repeat and sends it at once. */
function repeat(budget: RetryBudget, now: number): boolean {
  if (!budget.tryWithdraw(now)) return false;
  budget.spent(now);
  return true;
}

/** Repeats until it is refused. */
function drain(budget: RetryBudget, now: number): number {
  let taken = 0;
  while (taken < 1_000 && repeat(budget, now)) taken++;
  return taken;
}

test('without traffic there is the reserve, and no more', () => {
  const budget = retryBudget(0.1, 30);
  expect(budget.available(1_000)).toBe(30);
  expect(drain(budget, 1_000)).toBe(30);
  expect(budget.available(1_000)).toBe(0);
});

test('traffic adds its share, in whole repeats', () => {
  const budget = retryBudget(0.1, 30);
  for (let i = 0; i < 109; i++) budget.deposit(1_000);
  expect(drain(budget, 1_500)).toBe(40);
  budget.deposit(1_500);
  expect(drain(budget, 1_500)).toBe(1);
});

test('it refills with time alone, after eleven seconds at the latest', () => {
  const budget = retryBudget(0.1, 30);
  expect(drain(budget, 1_999)).toBe(30);
  expect(budget.tryWithdraw(11_998)).toBe(false);
  expect(budget.available(12_000)).toBe(30);
  expect(drain(budget, 12_000)).toBe(30);
});

test('a repeat that is set aside counts for nobody else, and counts in time from when it is sent', () => {
  const budget = retryBudget(0, 1);
  expect(budget.tryWithdraw(1_000)).toBe(true);
  expect(budget.tryWithdraw(1_000)).toBe(false);
  expect(budget.available(60_000)).toBe(0); // it waits, for as long as it likes
  budget.spent(60_000);
  expect(budget.available(69_999)).toBe(0);
  expect(budget.available(71_000)).toBe(1);
});

test('a repeat that was never sent costs nothing', () => {
  const budget = retryBudget(0, 1);
  expect(budget.tryWithdraw(1_000)).toBe(true);
  budget.refund();
  expect(budget.available(1_000)).toBe(1);
});

test('traffic of long ago pays for nothing', () => {
  const budget = retryBudget(0.1, 0);
  for (let i = 0; i < 1_000; i++) budget.deposit(1_000);
  expect(budget.available(1_000)).toBe(100);
  expect(budget.available(11_000)).toBe(0);
  expect(budget.available(1_000_000_000)).toBe(0);
});

test('without a share and a reserve nothing is repeated', () => {
  const budget = retryBudget(0, 0);
  for (let i = 0; i < 1_000; i++) budget.deposit(1_000);
  expect(budget.tryWithdraw(1_000)).toBe(false);
});

interface Event {
  readonly afterMs: number;
  readonly firsts: number;
  readonly repeats: number;
}

const trace = fc.array(
  fc.record<Event>({
    afterMs: fc.oneof(
      fc.double({ min: 0, max: 50, noNaN: true }),
      fc.integer({ min: 0, max: 2_000 }),
      fc.constantFrom(999, 1_000, 9_999, 10_000, 10_001, 60_000),
    ),
    firsts: fc.nat(60),
    repeats: fc.nat(30),
  }),
  { maxLength: 60 },
);

test('against a list of all that happened: never more than a sliding window of ten seconds allows, hardly ever less', () => {
  fc.assert(
    fc.property(
      trace,
      fc.constantFrom(0, 0.1, 0.5, 1),
      fc.constantFrom(0, 3, 30),
      fc.double({ min: 1, max: 1e9, noNaN: true }),
      (events, share, reserve, startAt) => {
        const budget = retryBudget(share, reserve);
        const firsts: number[] = [];
        const repeats: number[] = [];
        const since = (list: readonly number[], from: number): number =>
          list.filter((at) => at > from).length;
        let now = startAt;
        for (const event of events) {
          now += event.afterMs;
          for (let i = 0; i < event.firsts; i++) {
            budget.deposit(now);
            firsts.push(now);
          }
          for (let i = 0; i < event.repeats; i++) {
            if (repeat(budget, now)) {
              repeats.push(now);
              expect(since(repeats, now - 10_000)).toBeLessThanOrEqual(
                share * since(firsts, now - 10_000) + reserve,
              );
            } else {
              // Refused only if the shortest window of traffic cannot pay for the longest one of repeats.
              const paidFor = share * since(firsts, now - 9_000) + reserve;
              expect(since(repeats, now - 11_000) + 1).toBeGreaterThan(paidFor - 1e-9);
            }
          }
        }
      },
    ),
    { seed: 32, numRuns: 400 },
  );
});
