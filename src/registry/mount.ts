/** (provisional) */
export function mount(...x: unknown[]): unknown { return x[0]; }
