import { readdirSync, readFileSync } from 'node:fs';

const closeOnExec = 0o2000000;

/** Returns the descriptors above 2 that a program started by this process would inherit. Empty without `/proc`. */
export function inheritedDescriptors(): readonly number[] {
  try {
    return readdirSync('/proc/self/fdinfo')
      .map(Number)
      .filter((descriptor) => descriptor > 2 && !closesOnExec(descriptor));
  } catch {
    return [];
  }
}

function closesOnExec(descriptor: number): boolean {
  try {
    const [, flags] =
      /^flags:\s*([0-7]+)$/m.exec(readFileSync(`/proc/self/fdinfo/${String(descriptor)}`, 'latin1')) ?? [];
    return flags === undefined || (Number.parseInt(flags, 8) & closeOnExec) !== 0;
  } catch {
    // This is the descriptor with which `readdirSync` read the list. It is already closed.
    return true;
  }
}
