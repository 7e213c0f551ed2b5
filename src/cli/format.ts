/**
 * Length of a unit in ms, its name, and the length of the next smaller unit. A duration is first rounded to the
 * smaller unit, so that 999.7 ms becomes 1 s.
 */
const units = [
  [86_400_000, 'd', 3_600_000],
  [3_600_000, 'h', 60_000],
  [60_000, 'min', 1_000],
  [1_000, 's', 1],
] as const;

/** Formats a duration: `0.4 ms`, `320 ms`, `4.8 s`, `2 min`, `7 d`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return 'unlimited';
  for (const [size, unit, smaller] of units)
    if (Math.round(ms / smaller) * smaller >= size) return `${round(ms / size)} ${unit}`;
  return `${round(ms)} ms`;
}

/** Joins facts with commas. Omits each fact that is `false`. */
export function joinFacts(...facts: readonly (string | false)[]): string {
  return facts.filter((fact) => fact !== false).join(', ');
}

/** Formats a fraction as a percentage: `40 %`. */
export function formatPercent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

/** Formats a number with a noun: `1 endpoint`, `3 endpoints`. */
export function formatCount(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function round(value: number): string {
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}
