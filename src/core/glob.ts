/** Globs. (provisional) */
export function parseGlob(text: string): string { return text; }
