/**
 * One stream for all watches of a clerk. It goes on where it broke off if the server can, is told anew if not, and is
 * opened again for ever, further and further apart and never all clerks at once. Snapshots stand while it is away, and
 * are never made of two servers' words. Keeps no process alive.
 *
 * @see promises C1.7, C4.4
 */
import { sleep, type Clock } from '../core/clock.js';
import { isClerkError } from '../core/errors.js';
import type { Snapshot } from '../core/registry.js';
import type { Retry } from '../core/retry.js';
import type { Servers } from '../wire/servers.js';
import { WatchedGlobs, type Position } from './reference-globs.js';
import { Session } from './reference-session.js';

/** From the first watch to the opening of the stream, in ms. */
const openAfterMs = 20;
/** First pause after a stream that had been in order broke off, in ms; uniform from 0. */
const firstPauseMs = 500;
/** Pause after the second failure in a row; doubles from there. */
const secondPauseMs = 2_000;
const longestPauseMs = 5_000;

/** See the file's header. */
export class SharedWatch {
  readonly #globs = new WatchedGlobs();
  readonly #servers: Servers;
  readonly #clock: Clock;
  readonly #retry: Retry;
  #session: Session | undefined;
  /** Where the last stream has come to. */
  #position: Position | undefined;
  #running = false;
  #planned = false;
  #closed = false;
  /** Streams in a row that ended before they had told everything. */
  #failures = 0;
  #wasCurrent = false;

  constructor(servers: Servers, clock: Clock, retry: Retry) {
    this.#servers = servers;
    this.#clock = clock;
    this.#retry = retry;
  }

  /** Adds a watch. @throws a `ClerkError` `NAME_INVALID`. Returns what ends it. */
  add(
    glob: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError: ((error: unknown) => void) | undefined,
  ): () => void {
    const remove = this.#globs.add(glob, onSnapshot, onError);
    this.#plan();
    return () => {
      remove();
      this.#plan();
    };
  }

  close(): void {
    this.#closed = true;
    this.#session?.stop();
  }

  /** What is added and removed in one turn is said at once. */
  #plan(): void {
    if (this.#planned || this.#closed) return;
    this.#planned = true;
    const plan = (): void => {
      this.#planned = false;
      if (this.#isIdle()) this.#session?.stop();
      else if (this.#running) this.#session?.adjust();
      else this.#run();
    };
    // A first look-up is under way as a rule, and what comes after it has more of a hurry than a stream.
    if (this.#running) this.#clock.afterArrivals(plan);
    else this.#clock.setTimer(plan, openAfterMs).setRef(false);
  }

  #isIdle(): boolean {
    return this.#closed || this.#globs.size === 0;
  }

  #run(): void {
    this.#running = true;
    this.#retry(
      () => this.#once(),
      (error) => this.#rest(error),
    )
      // Nobody watches any more.
      .catch(() => undefined)
      .finally(() => {
        this.#running = false;
        if (!this.#isIdle()) this.#plan();
      });
  }

  /** One stream, to its end. Resolves when it is not wanted any more. */
  #once(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    const { order } = this.#servers;
    const peer = order[this.#failures % order.length] as (typeof order)[number];
    return new Promise((resolve, reject) => {
      const session = new Session({
        peer,
        clock: this.#clock,
        globs: this.#globs,
        from: this.#position,
        onCurrent: () => {
          this.#failures = 0;
          this.#wasCurrent = true;
          this.#servers.prefer(peer);
          this.#globs.recovered();
        },
        onEnd: (error, position) => {
          this.#session = undefined;
          this.#position = position;
          if (error === undefined) resolve();
          else reject(error);
        },
      });
      this.#session = session;
      session.begin();
    });
  }

  async #rest(error: unknown): Promise<void> {
    const servers = this.#servers.order.length;
    this.#failures++;
    // A stream that broke and is had again at the first try, from whichever server, is nothing to speak of.
    if (this.#failures >= servers + (this.#wasCurrent ? 1 : 0)) {
      this.#wasCurrent = false;
      this.#globs.fail(error);
    }
    const rounds = Math.floor((this.#failures - 1) / servers);
    const mostMs =
      rounds === 0 ? firstPauseMs : Math.min(longestPauseMs, secondPauseMs * 2 ** Math.min(rounds - 1, 8));
    const leastMs = isClerkError(error) ? Math.min(error.remainingMs ?? 0, longestPauseMs) : 0;
    await sleep(this.#clock, leastMs + this.#clock.random() * mostMs, false);
    if (this.#isIdle()) throw error;
  }
}
