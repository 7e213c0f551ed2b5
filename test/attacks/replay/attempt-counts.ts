/** Attempts and accepted attempts by kind. */
export class AttemptCounts {
  readonly #kinds = new Map<string, { attempts: number; accepted: number }>();

  add(kind: string, isAccepted: boolean): void {
    const counts = this.#kinds.get(kind) ?? { attempts: 0, accepted: 0 };
    counts.attempts++;
    if (isAccepted) counts.accepted++;
    this.#kinds.set(kind, counts);
  }

  get attempts(): number {
    return [...this.#kinds.values()].reduce((sum, { attempts }) => sum + attempts, 0);
  }

  get kinds(): ReadonlyMap<string, { readonly attempts: number; readonly accepted: number }> {
    return this.#kinds;
  }

  get accepted(): readonly string[] {
    return [...this.#kinds].filter(([, { accepted }]) => accepted > 0).map(([kind]) => kind);
  }

  toString(): string {
    const lines = [...this.#kinds].map(
      ([kind, { attempts, accepted }]) =>
        `${String(attempts).padStart(9)} attempts, ${String(accepted)} accepted: ${kind}`,
    );
    return [...lines, `${String(this.attempts).padStart(9)} attempts`].join('\n');
  }
}

/** Runs `count` attempts, `width` at a time. */
export async function inParallel(
  count: number,
  width: number,
  attempt: (number: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) await attempt(next++);
  };
  await Promise.all(Array.from({ length: Math.min(width, count) }, worker));
}
