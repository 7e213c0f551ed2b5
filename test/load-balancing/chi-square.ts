/**
 * Pearson's chi-square test: the probability of counts at least this uneven if the shares are as expected.
 *
 * @param counts - number of occurrences by id; an id without a positive weight gives p = 0
 * @param weights - expected shares, in proportion
 * @returns p in [0, 1]
 */
export function chiSquareP(
  counts: Readonly<Record<string, number>>,
  weights: Readonly<Record<string, number>>,
): number {
  const total = sum(Object.values(counts));
  const totalWeight = sum(Object.values(weights));
  if (Object.keys(counts).some((id) => !((weights[id] ?? 0) > 0))) return 0;
  const expected = Object.entries(weights).map(
    ([id, weight]) => [id, (total * weight) / totalWeight] as const,
  );
  const statistic = sum(expected.map(([id, share]) => ((counts[id] ?? 0) - share) ** 2 / share));
  return upperGamma((expected.length - 1) / 2, statistic / 2);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

/** Regularised upper incomplete gamma function of half-integer `a`, by its recurrence from 1/2 or 1. */
function upperGamma(a: number, x: number): number {
  if (x <= 0) return 1;
  let from = Number.isInteger(a) ? 1 : 0.5;
  let result = from === 1 ? Math.exp(-x) : complementaryError(Math.sqrt(x));
  // x^from e^-x / Γ(from + 1) as a logarithm.
  let term = from * Math.log(x) - x - (from === 1 ? 0 : Math.log(Math.sqrt(Math.PI) / 2));
  for (; from < a; from++) {
    result += Math.exp(term);
    term += Math.log(x) - Math.log(from + 1);
  }
  return Math.min(1, result);
}

/** Relative error below 1.2e-7; `erfcc` of "Numerical Recipes". */
function complementaryError(x: number): number {
  const t = 1 / (1 + x / 2);
  const factors = [
    -1.26551223, 1.00002368, 0.37409196, 0.09678418, -0.18628806, 0.27886807, -1.13520398, 1.48851587,
    -0.82215223, 0.17087277,
  ];
  return t * Math.exp(-x * x + factors.reduceRight((value, factor) => value * t + factor, 0));
}
