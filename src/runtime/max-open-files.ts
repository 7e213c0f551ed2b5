import { readFileSync } from 'node:fs';

/** Used if the limit cannot be read, as on macOS. There, a program can raise its soft limit to this value. */
const fallback = 10_240;

export function maxOpenFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max open files\s+(\w+)/m.exec(limits)?.[1];
    return soft === 'unlimited' ? Infinity : Number(soft ?? fallback);
  } catch {
    return fallback;
  }
}
