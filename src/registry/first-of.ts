/** (provisional) */
export function firstOf(...x: unknown[]): unknown { return x[0]; }
