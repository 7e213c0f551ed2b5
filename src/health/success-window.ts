const slotMs = 5_000;
const slots = 6;

export class SuccessWindow {
  readonly #successes = new Float64Array(slots);
  readonly #failures = new Float64Array(slots);
  #currentSlot = -1;

  count(isSuccess: boolean, now: number): void {
    const counts = isSuccess ? this.#successes : this.#failures;
    const slot = this.#advanceTo(now) % slots;
    counts[slot] = (counts[slot] as number) + 1;
  }

  at(now: number): { readonly total: number; readonly successRate: number } {
    this.#advanceTo(now);
    let successes = 0;
    let failures = 0;
    for (let i = 0; i < slots; i++) {
      successes += this.#successes[i] as number;
      failures += this.#failures[i] as number;
    }
    const total = successes + failures;
    return { total, successRate: total === 0 ? 1 : successes / total };
  }

  clear(): void {
    this.#successes.fill(0);
    this.#failures.fill(0);
  }

  #advanceTo(now: number): number {
    const slot = Math.floor(now / slotMs);
    if (slot > this.#currentSlot) {
      for (let i = Math.max(this.#currentSlot + 1, slot - slots + 1); i <= slot; i++)
        this.#successes[i % slots] = this.#failures[i % slots] = 0;
      this.#currentSlot = slot;
    }
    return slot;
  }
}
