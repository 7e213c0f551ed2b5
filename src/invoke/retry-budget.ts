/**
 * Limits the retries and hedges of a service. Each first attempt, successful or not, refills the budget. @see [Retry
 * budget](../../docs/glossary.md#retry-budget)
 */
export interface RetryBudget {
  deposit(now: number): void;
  /** Reserves one retry. The caller must then call `spent` or `refund`. Returns false if no retry is left. */
  tryWithdraw(now: number): boolean;
  spent(now: number): void;
  refund(): void;
  available(now: number): number;
}

const slotMs = 1_000;
// A window of 10 s may overlap eleven slots of 1 s.
const slotCount = 11;
const windowMs = 10_000;
const atOnceShare = 2 / 3;

/**
 * In any 10 s the budget allows `reserve` retries plus `ratio` retries per first attempt. Two thirds of these retries,
 * but at least one, may be used at once. The rest becomes available evenly over the 10 s.
 * @see [C4.1](../../docs/guarantees.md#c4-1)
 * @see [Finagle `RetryBudget`](https://twitter.github.io/finagle/guide/Clients.html#retries)
 */
export function retryBudget(ratio: number, reserve: number): RetryBudget {
  const firsts = new Float64Array(slotCount);
  const retries = new Float64Array(slotCount);
  let current = -1;
  let firstsNow = 0;
  let firstSum = 0;
  let retrySum = 0;
  let reserved = 0;
  // Number of retries that count against `atOnce`. Falls evenly with time, and whenever the allowed number falls. If it
  // fell only with time, a service whose load falls would wait much longer than 10 s for a retry.
  let burst = 0;
  let burstAt = 0;
  let lastTotal = 0;

  function advance(now: number): number {
    const tick = Math.floor(now / slotMs);
    if (tick !== current) {
      if (current >= 0) firsts[current % slotCount] = firstsNow;
      firstsNow = 0;
      for (let i = Math.max(current + 1, tick - slotCount + 1); i <= tick; i++) {
        const slot = i % slotCount;
        firstSum -= firsts[slot] as number;
        retrySum -= retries[slot] as number;
        firsts[slot] = 0;
        retries[slot] = 0;
      }
      current = tick;
    }
    return tick % slotCount;
  }

  /** Number of retries allowed per 10 s. Omits the oldest slot, whose first attempts may be older than 10 s. */
  const allowed = (now: number): number => {
    const oldest = firsts[(advance(now) + 1) % slotCount] as number;
    return ratio * (firstSum - oldest) + reserve;
  };

  const available = (now: number): number => {
    const total = allowed(now);
    if (total < lastTotal) burst *= total / lastTotal;
    lastTotal = total;
    // A budget of at least one retry allows one retry at once, and refills by at least one retry in 10 s.
    const minimum = Math.min(total, 1);
    const atOnce = Math.max(total * atOnceShare, minimum);
    const refill = Math.max(total * (1 - atOnceShare), minimum);
    burst = Math.max(0, burst - (refill * (now - burstAt)) / windowMs);
    burstAt = now;
    return Math.floor(Math.min(total - retrySum, atOnce - burst) - reserved + rounding);
  };

  return {
    deposit(now) {
      advance(now);
      firstsNow++;
      firstSum++;
    },
    tryWithdraw(now) {
      if (available(now) < 1) return false;
      reserved++;
      return true;
    },
    spent(now) {
      const slot = advance(now);
      retries[slot] = (retries[slot] as number) + 1;
      retrySum++;
      burst++;
      reserved--;
    },
    refund() {
      reserved--;
    },
    available,
  };
}

/** Larger than the rounding errors of the refill. Without this addend, such an error could withhold a whole retry. */
const rounding = 1e-9;
