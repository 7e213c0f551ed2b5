/** A program that asks for more work or more memory than an honest program needs. */
export interface LoadAttack {
  /** Also the name of the file, without `.attack.ts`. */
  readonly name: string;
  /** What the attacker sends, and what must hold. */
  readonly what: string;
  /** `small` runs with the tests, in at most 10 s. `full` runs with `npm run attacks`. */
  readonly sizes: { readonly small: number; readonly full: number };
  /**
   * Greatest value of each figure. A figure whose name ends in `Ms` is a duration, and may be five times as long beside
   * the tests. Every other figure is exact.
   */
  readonly limits: Readonly<Record<string, number>>;
  /** Limits at full size only, such as the times of answers, which depend on the other work of the machine. */
  readonly fullLimits?: Readonly<Record<string, number>>;
  /**
   * Makes the attack at the given size. Throws if the attacked program stops to answer, or gives a wrong answer. The
   * attack closes what it has opened.
   */
  run(size: number): Promise<Figures>;
}

/** Each limit needs its figure. Further figures are printed only. */
export type Figures = Readonly<Record<string, number>>;

/** @returns one line for each figure above its limit */
export function exceededLimits(
  { limits, fullLimits }: LoadAttack,
  figures: Figures,
  { tolerance, isFull }: { readonly tolerance: number; readonly isFull: boolean },
): readonly string[] {
  return Object.entries({ ...limits, ...(isFull && fullLimits) }).flatMap(([name, limit]) => {
    const allowed = name.endsWith('Ms') ? limit * tolerance : limit;
    const figure = figures[name];
    if (figure !== undefined && figure <= allowed) return [];
    return [`${name} must be at most ${String(allowed)}; got ${String(figure)}`];
  });
}
