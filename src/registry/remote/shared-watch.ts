/**
 * One stream for all watches of a clerk. It goes on where it broke off if the server can, is told anew if not, and is
 * opened again for ever, further and further apart and never all clerks at once. Snapshots stand while it is away, and
 * are never made of two servers' words. Keeps no process alive.
 *
 * @see promises C1.7, C4.4
 */
import { sleep, type Clock } from '../../core/clock.js';
import { isClerkError } from '../../core/errors.js';
import type { Snapshot } from '../../core/registry.js';
import type { RetryLoop } from '../../core/retry-loop.js';
import type { FailoverClient } from '../../registry-client/failover-client.js';
import { WatchState, type WatchPosition } from './watch-state.js';
import { WatchStream } from './watch-stream.js';

/** From the first watch to the opening of the stream, in ms. */
const openDelayMs = 20;
/** First pause after a stream that had been in order broke off, in ms; uniform from 0. */
const firstBackoffMs = 500;
/** Pause after the second failure in a row; doubles from there. */
const secondBackoffMs = 2_000;
const maxBackoffMs = 5_000;

/** See the file's header. */
export class SharedWatch {
  readonly #state = new WatchState();
  readonly #client: FailoverClient;
  readonly #clock: Clock;
  readonly #retry: RetryLoop;
  #stream: WatchStream | undefined;
  /** Where the last stream has come to. */
  #position: WatchPosition | undefined;
  #isRunning = false;
  #isUpdateScheduled = false;
  #isClosed = false;
  /** Streams in a row that ended before they had told everything. */
  #consecutiveFailures = 0;
  #wasCurrent = false;

  constructor(client: FailoverClient, clock: Clock, retry: RetryLoop) {
    this.#client = client;
    this.#clock = clock;
    this.#retry = retry;
  }

  /** Adds a watch. @throws a `ClerkError` `NAME_INVALID`. Returns what ends it. */
  add(
    glob: string,
    onSnapshot: (snapshot: Snapshot) => void,
    onError: ((error: unknown) => void) | undefined,
  ): () => void {
    const remove = this.#state.add(glob, onSnapshot, onError);
    this.#scheduleUpdate();
    return () => {
      remove();
      this.#scheduleUpdate();
    };
  }

  close(): void {
    this.#isClosed = true;
    this.#stream?.stop();
  }

  /** What is added and removed in one turn is said at once. */
  #scheduleUpdate(): void {
    if (this.#isUpdateScheduled || this.#isClosed) return;
    this.#isUpdateScheduled = true;
    const update = (): void => {
      this.#isUpdateScheduled = false;
      if (this.#isIdle()) this.#stream?.stop();
      else if (this.#isRunning) this.#stream?.updateGlobs();
      else this.#run();
    };
    // A first look-up is under way as a rule, and what comes after it has more of a hurry than a stream.
    if (this.#isRunning) this.#clock.afterPendingIo(update);
    else this.#clock.setTimer(update, openDelayMs).setRef(false);
  }

  #isIdle(): boolean {
    return this.#isClosed || this.#state.size === 0;
  }

  #run(): void {
    this.#isRunning = true;
    this.#retry(
      () => this.#runStream(),
      (error) => this.#backOff(error),
    )
      // Nobody watches any more.
      .catch(() => undefined)
      .finally(() => {
        this.#isRunning = false;
        if (!this.#isIdle()) this.#scheduleUpdate();
      });
  }

  /** One stream, to its end. Resolves when it is not wanted any more. */
  #runStream(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    const { connections } = this.#client;
    const connection = connections[
      this.#consecutiveFailures % connections.length
    ] as (typeof connections)[number];
    return new Promise((resolve, reject) => {
      const stream = new WatchStream({
        connection,
        clock: this.#clock,
        state: this.#state,
        resumeFrom: this.#position,
        onCurrent: () => {
          this.#consecutiveFailures = 0;
          this.#wasCurrent = true;
          this.#client.prefer(connection);
          this.#state.endOutage();
        },
        onEnd: (error, position) => {
          this.#stream = undefined;
          this.#position = position;
          if (error === undefined) resolve();
          else reject(error);
        },
      });
      this.#stream = stream;
      stream.open();
    });
  }

  async #backOff(error: unknown): Promise<void> {
    const servers = this.#client.connections.length;
    this.#consecutiveFailures++;
    // A stream that broke and is had again at the first try, from whichever server, is nothing to speak of.
    if (this.#consecutiveFailures >= servers + (this.#wasCurrent ? 1 : 0)) {
      this.#wasCurrent = false;
      this.#state.reportOutage(error);
    }
    const rounds = Math.floor((this.#consecutiveFailures - 1) / servers);
    const maxMs =
      rounds === 0 ? firstBackoffMs : Math.min(maxBackoffMs, secondBackoffMs * 2 ** Math.min(rounds - 1, 8));
    const minMs = isClerkError(error) ? Math.min(error.remainingMs ?? 0, maxBackoffMs) : 0;
    await sleep(this.#clock, minMs + this.#clock.random() * maxMs, false);
    if (this.#isIdle()) throw error;
  }
}
