/**
 * Each unit: its length in ms, its name, and the precision of rounding in ms. A value is rounded before its unit is
 * chosen, so 999.7 ms becomes 1 s.
 */
const units = [
  [86_400_000, 'd', 3_600_000],
  [3_600_000, 'h', 60_000],
  [60_000, 'min', 1_000],
  [1_000, 's', 1],
] as const;

/** Returns text such as `0.4 ms`, `320 ms`, `4.8 s`, `2 min`, `7 d`. */
export function formatDuration(ms: number): string {
  if (!Number.isFinite(ms)) return 'unlimited';
  for (const [size, unit, smaller] of units)
    if (Math.round(ms / smaller) * smaller >= size) return `${round(ms / size)} ${unit}`;
  return `${round(ms)} ms`;
}

export function joinFacts(...facts: readonly (string | false)[]): string {
  return facts.filter((fact) => fact !== false).join(', ');
}

export function formatPercent(share: number): string {
  return `${Math.round(share * 100)} %`;
}

export function formatCount(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function round(value: number): string {
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}
