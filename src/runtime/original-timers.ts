import { performance } from 'node:perf_hooks';
import timers from 'node:timers';

/** Functions of Node that a test runner may replace by fake functions. */
export interface Timers extends Pick<typeof timers, 'setTimeout' | 'clearTimeout' | 'setImmediate'> {
  readonly now: () => number;
  readonly wallNow: () => number;
}

let original: Timers | undefined;

/**
 * Returns Node's functions, even after a test runner has replaced these functions. Sockets work in real time, so their
 * deadlines must be in real time too. If the functions were replaced before this module was loaded, returns the fake
 * functions until Node's functions are restored.
 */
export function originalTimers(): Timers {
  if (original !== undefined) return original;
  const { setTimeout, clearTimeout, setImmediate } = timers;
  const now = performance.now.bind(performance);
  const present = { setTimeout, clearTimeout, setImmediate, now, wallNow: Date.now };
  if (!isFake(setTimeout) && !isFake(Date)) original = present;
  return present;
}

/** Fake timers of Sinon.JS and Vitest have a `clock`. Those of `node:test` have another name or `isMock`. */
function isFake(value: { readonly name: string }): boolean {
  return 'clock' in value || 'isMock' in value || !['setTimeout', 'Date'].includes(value.name);
}

originalTimers();
