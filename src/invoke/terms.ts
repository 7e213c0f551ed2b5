/** The terms of one call: its own, narrowed by the call that this program is serving meanwhile. */
import { ClerkError } from '../core/errors.js';
import type { ServedCall } from '../core/served.js';

/** See the file's header. */
export interface Terms {
  /** How long it may take, in ms, > 0. */
  readonly timeoutMs: number;
  /**
   * Whether the service is told how much time is left: where the program, or whoever it serves, has set a time. The
   * clerk's own default is a guard and no statement of the program.
   */
  readonly tellsTime: boolean;
  /** Whether what was sent may be sent again. False while a repeat is served: one layer repeats. @see promises C4.3 */
  readonly repeats: boolean;
}

/**
 * The same, within what is left of the call being served.
 *
 * @param name - of the service that is called, for the message
 * @throws a `ClerkError` `DEADLINE_EXCEEDED` when nothing is left
 */
export function within(terms: Terms, served: ServedCall, now: number, name: string): Terms {
  const leftMs = served.deadlineAt - now;
  if (leftMs <= 0)
    throw new ClerkError(
      'DEADLINE_EXCEEDED',
      `Call of ${name} was not begun: the call that this program is serving ran out of time ${String(Math.round(-leftMs))} ms ago, so nobody waits for the answer`,
    );
  return {
    timeoutMs: Math.min(terms.timeoutMs, leftMs),
    tellsTime: terms.tellsTime || leftMs < Infinity,
    repeats: terms.repeats && served.attempt <= 1,
  };
}
