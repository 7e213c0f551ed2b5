/**
 * The retry budget: how many repeats a service may see. One per service and clerk, shared by everything that sends
 * a call again. It refills with time and with traffic, never with success alone.
 */

/** What may draw on a budget. */
export interface RetryBudget {
  /** Counts a first attempt. */
  deposit(now: number): void;
  /** Sets one repeat aside, or says that there is none to take. Followed by exactly one `spent` or `refund`. */
  tryWithdraw(now: number): boolean;
  /** A repeat that was set aside is being sent. It counts from now on, however long it had to wait. */
  spent(now: number): void;
  /** A repeat that was set aside was never sent. */
  refund(): void;
  /** Repeats that could be taken now. */
  available(now: number): number;
}

const slotMs = 1_000;
// Eleven slots always cover any window of ten seconds, wherever it begins within a slot.
const slotCount = 11;

/**
 * In the 10 s before any repeat, that one included, there are at most `reserve` repeats plus `share` of the first
 * attempts. A repeat is refused only if the newest nine whole seconds cannot pay for those of the last eleven.
 *
 * @param share - repeats per first attempt, 0 … 1
 * @param reserve - repeats that need no traffic, ≥ 0
 * @see promises C4.1; Finagle `RetryBudget`
 */
export function retryBudget(share: number, reserve: number): RetryBudget {
  const firsts = new Float64Array(slotCount);
  const retries = new Float64Array(slotCount);
  let current = -1;
  // First attempts of the current slot: they go to the table when it is over.
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

  /** First attempts of the newest ten whole slots only, so that no ten seconds get credit for an eleventh. */
  const left = (now: number): number => {
    const slot = advance(now);
    const oldest = firsts[(slot + 1) % slotCount] as number;
    return Math.floor(share * (firstSum - oldest) + reserve - retrySum - reserved);
  };

  return {
    deposit(now) {
      advance(now);
      firstsNow++;
      firstSum++;
    },
    tryWithdraw(now) {
      if (left(now) < 1) return false;
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
    available: left,
  };
}
