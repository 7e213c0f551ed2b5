import { readFileSync } from 'node:fs';
import type { Clock } from '../core/clock.js';

/** Interval between two checks of the parent, in ms. */
const lookMs = 500;

/**
 * Calls `callback` once, at most 500 ms after the parent of this process has ended. With `/proc`, if the parent is a
 * shell, calls it after the end of the parent of the shell as well. Does not keep this process alive.
 */
export function onParentEnd(clock: Pick<Clock, 'setTimer'>, callback: () => void): void {
  const before = ancestors();
  const look = (): void => {
    if (ancestors() !== before) callback();
    else clock.setTimer(look, lookMs).setRef(false);
  };
  look();
}

/** Returns the process ids of the parent, and of its parent if the parent is a shell. */
function ancestors(): string {
  const { ppid } = process;
  try {
    const [, name = '', parent = ''] =
      /^\d+ \((.*)\) \S (\d+) /s.exec(readFileSync(`/proc/${String(ppid)}/stat`, 'utf8')) ?? [];
    return /^(?:ba|da|a)?sh$/.test(name) ? `${String(ppid)} ${parent}` : String(ppid);
  } catch {
    return String(ppid);
  }
}
