/** (provisional) */
export function union(...x: unknown[]): unknown { return x[0]; }
