/**
 * How many retries, hedges and starts a service may receive. One per service and clerk. Refills with time and with
 * first attempts, whether these succeed or fail.
 *
 * @see [Retry budget](../../docs/glossary.md#retry-budget)
 */
export interface RetryBudget {
  /** Counts a first attempt. */
  deposit(now: number): void;
  /** Reserves one retry; false when none is left. Each success must be followed by exactly one `spent` or `refund`. */
  tryWithdraw(now: number): boolean;
  /** A reserved retry is sent. It counts from this time on, however long it waited. */
  spent(now: number): void;
  /** A reserved retry was never sent. */
  refund(): void;
  /** Number of retries that could be reserved now. */
  available(now: number): number;
}

const slotMs = 1_000;
// Eleven slots cover any window of 10 s, wherever it begins within a slot.
const slotCount = 11;

/**
 * Creates a budget. In any 10 s there are at most `reserve` retries plus `ratio` times the first attempts. A retry is
 * refused only if the first attempts of the newest 9 whole seconds do not cover the retries of the last 11.
 *
 * @param ratio - retries per first attempt, 0 … 1
 * @param reserve - retries that need no first attempts, ≥ 0
 * @see [C4.1](../../docs/guarantees.md#c4-1)
 * @see [Finagle `RetryBudget`](https://twitter.github.io/finagle/guide/Clients.html#retries)
 */
export function retryBudget(ratio: number, reserve: number): RetryBudget {
  const firsts = new Float64Array(slotCount);
  const retries = new Float64Array(slotCount);
  let current = -1;
  // First attempts of the current slot; moved to the table when the slot ends.
  let firstsNow = 0;
  let firstSum = 0;
  let retrySum = 0;
  let reserved = 0;

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

  /** Leaves out the first attempts of the oldest slot, so that a window of 10 s is not credited with 11. */
  const available = (now: number): number => {
    const slot = advance(now);
    const oldest = firsts[(slot + 1) % slotCount] as number;
    return Math.floor(ratio * (firstSum - oldest) + reserve - retrySum - reserved);
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
      reserved--;
    },
    refund() {
      reserved--;
    },
    available,
  };
}
