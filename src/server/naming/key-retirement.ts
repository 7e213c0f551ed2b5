import { maxTimerMs, type Clock, type Timer } from '../../core/clock.js';
import { mayHaveFormerKey } from './commands/former-key.js';
import type { NamingCommand } from './commands/naming-command.js';
import type { NamingState } from './state/naming-state.js';

/** Delay after the retirement of a key, in ms. Compensates timers that fire early on the wall clock. */
const marginMs = 10;
/** Delay until the next attempt when the store cannot be written, in ms. */
const retryDelayMs = 1_000;

/** Removes a former key from the registrations of its principal when the key is retired. */
export class KeyRetirement {
  readonly #clock: Clock;
  readonly #submit: (command: NamingCommand) => Promise<unknown>;
  readonly #timers = new Map<string, Timer>();
  #isClosed = false;

  constructor(clock: Clock, submit: (command: NamingCommand) => Promise<unknown>) {
    this.#clock = clock;
    this.#submit = submit;
  }

  /** Schedules the removal of the former keys that were rotated before this process started. */
  start({ entries, identities }: NamingState): void {
    if (identities.keyCount === 0) return;
    const retiring = new Set<string>();
    for (const { service } of entries.values())
      for (const { json, principal } of service?.endpoints.values() ?? [])
        if (mayHaveFormerKey(json)) retiring.add(principal);
    for (const principal of retiring)
      this.schedule(
        principal,
        Math.max(0, ...identities.keysOf(principal).map(({ retiresAt = 0 }) => retiresAt)),
      );
  }

  /** @param retiresAt - wall-clock time, in ms since 1970 */
  schedule(principal: string, retiresAt: number, minDelayMs = marginMs): void {
    if (this.#isClosed) return;
    const delayMs = Math.min(Math.max(minDelayMs, retiresAt - this.#clock.wallNow() + marginMs), maxTimerMs);
    this.#timers.get(principal)?.cancel();
    const timer = this.#clock.setTimer(() => {
      this.#timers.delete(principal);
      // The wall clock may have been set back, so the key may still be live.
      if (this.#clock.wallNow() < retiresAt) this.schedule(principal, retiresAt);
      else
        this.#submit({ kind: 'retire-former-keys', principal }).catch(() =>
          // A rejection means that the store cannot be written, or the server closes.
          this.schedule(principal, retiresAt, retryDelayMs),
        );
    }, delayMs);
    timer.setRef(false);
    this.#timers.set(principal, timer);
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }
}
