import fc from 'fast-check';
import { expect, test } from 'vitest';
import { retryBudget, type RetryBudget } from '../../src/invoke/retry-budget.js';

/** Reserves a retry and spends it at once. */
function retry(budget: RetryBudget, now: number): boolean {
  if (!budget.tryWithdraw(now)) return false;
  budget.spent(now);
  return true;
}

/** Retries until the budget refuses. */
function drain(budget: RetryBudget, now: number): number {
  let taken = 0;
  while (taken < 1_000 && retry(budget, now)) taken++;
  return taken;
}

test('without first attempts two thirds of the reserve are available at once', () => {
  const budget = retryBudget(0.1, 30);
  expect(budget.available(1_000)).toBe(20);
  expect(drain(budget, 1_000)).toBe(20);
  expect(budget.available(1_000)).toBe(0);
});

test('first attempts add their ratio, in whole retries', () => {
  const budget = retryBudget(0.3, 30);
  for (let i = 0; i < 109; i++) budget.deposit(1_000);
  expect(drain(budget, 1_500)).toBe(41);
  budget.deposit(1_500);
  expect(drain(budget, 1_500)).toBe(1);
});

test('a used-up budget refills evenly with time alone', () => {
  const budget = retryBudget(0.1, 30);
  expect(drain(budget, 1_999)).toBe(20);
  const refilled = [];
  for (let now = 2_999; now < 12_000; now += 1_000) refilled.push(drain(budget, now));
  expect(refilled).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 1]);
  expect(budget.available(60_000)).toBe(20);
});

test('a reserved retry is unavailable to others, and counts from the time it is sent', () => {
  const budget = retryBudget(0, 1);
  expect(budget.tryWithdraw(1_000)).toBe(true);
  expect(budget.tryWithdraw(1_000)).toBe(false);
  expect(budget.available(60_000)).toBe(0); // still reserved, however long it waits
  budget.spent(60_000);
  expect(budget.available(69_999)).toBe(0);
  expect(budget.available(80_000)).toBe(1);
});

test('a refunded retry costs nothing', () => {
  const budget = retryBudget(0, 1);
  expect(budget.tryWithdraw(1_000)).toBe(true);
  budget.refund();
  expect(budget.available(1_000)).toBe(1);
});

test('first attempts of more than 10 s ago add nothing to the budget', () => {
  const budget = retryBudget(0.1, 0);
  for (let i = 0; i < 1_000; i++) budget.deposit(1_000);
  expect(budget.available(1_000)).toBe(66);
  expect(budget.available(11_000)).toBe(0);
  expect(budget.available(1_000_000_000)).toBe(0);
});

test('a service whose load falls has a third of its retries again ten seconds after a burst', () => {
  const budget = retryBudget(0.1, 0);
  let ratePerSecond = 1_000;
  let now = 1_000;
  const runFor = (seconds: number): void => {
    for (let i = 0; i < seconds * 10; i++, now += 100, ratePerSecond *= 0.99) {
      for (let call = 0; call < ratePerSecond / 10; call++) budget.deposit(now);
      budget.available(now);
    }
  };
  runFor(15);
  expect(drain(budget, now)).toBeGreaterThan(100);
  runFor(11);
  expect(drain(budget, now)).toBeGreaterThanOrEqual(0.3 * (0.1 * ratePerSecond * 10));
});

test('with ratio 0 and reserve 0 every retry is refused', () => {
  const budget = retryBudget(0, 0);
  for (let i = 0; i < 1_000; i++) budget.deposit(1_000);
  expect(budget.tryWithdraw(1_000)).toBe(false);
});

interface Event {
  readonly afterMs: number;
  readonly firsts: number;
  readonly retries: number;
}

const trace = fc.array(
  fc.record<Event>({
    afterMs: fc.oneof(
      fc.double({ min: 0, max: 50, noNaN: true }),
      fc.integer({ min: 0, max: 2_000 }),
      fc.constantFrom(999, 1_000, 9_999, 10_000, 10_001, 60_000),
    ),
    firsts: fc.nat(60),
    retries: fc.nat(30),
  }),
  { maxLength: 60 },
);

test('property: never more retries than a sliding window of 10 s allows, and two thirds of them at once after 20 s', () => {
  fc.assert(
    fc.property(
      trace,
      fc.constantFrom(0, 0.1, 0.5, 1),
      fc.constantFrom(0, 3, 30),
      fc.double({ min: 1, max: 1e9, noNaN: true }),
      (events, ratio, reserve, startAt) => {
        const budget = retryBudget(ratio, reserve);
        const firsts: number[] = [];
        const retries: number[] = [];
        const since = (list: readonly number[], from: number): number =>
          list.filter((at) => at > from).length;
        let now = startAt;
        for (const event of events) {
          now += event.afterMs;
          for (let i = 0; i < event.firsts; i++) {
            budget.deposit(now);
            firsts.push(now);
          }
          for (let i = 0; i < event.retries; i++) {
            if (retry(budget, now)) {
              retries.push(now);
              expect(since(retries, now - 10_000)).toBeLessThanOrEqual(
                ratio * since(firsts, now - 10_000) + reserve,
              );
            } else {
              // Refused only if two thirds of what the shortest window allows were used in the 20 s of their refill.
              const allowed = ratio * since(firsts, now - 9_000) + reserve;
              expect(since(retries, now - 20_000) + 1).toBeGreaterThan((allowed * 2) / 3 - 1e-9);
            }
          }
        }
      },
    ),
    { seed: 32, numRuns: 400 },
  );
});
