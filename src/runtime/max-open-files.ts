import { readFileSync } from 'node:fs';

/**
 * The limit that is assumed where the limit cannot be read. macOS has this limit for programs that raise their soft
 * limit.
 */
const fallback = 10_240;

/** Returns the maximum number of files and sockets that this process may have open; `Infinity` without a limit. */
export function maxOpenFiles(): number {
  try {
    const limits = readFileSync('/proc/self/limits', 'latin1');
    const soft = /^Max open files\s+(\w+)/m.exec(limits)?.[1];
    return soft === 'unlimited' ? Infinity : Number(soft ?? fallback);
  } catch {
    return fallback;
  }
}
