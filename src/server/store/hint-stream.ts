import { backoffBoundMs, equalJitterMs } from '../../core/backoff.js';
import type { Timer } from '../../core/clock.js';
import type { StoreClock } from './store-failover.js';

export interface HintEvents {
  /**
   * Called with undefined when the stream starts. Called for each batch with its position, or with undefined if the
   * position is unknown.
   */
  onHint(position: number | undefined): void;
  /** Called once, when the stream has ended. */
  onEnd(): void;
}

const backoff = { firstMs: 100, maxMs: 2_000 };
/** Time after which a stream is opened again if it has not reported a batch that a read has found, in ms. */
const maxSilenceMs = 2_000;

/**
 * Notifies listeners of new batches in a log, from a stream of the database. A broken stream may report neither batches
 * nor an error. To detect this, the owner calls {@link HintStream.expect} with each position that it has read.
 */
export class HintStream {
  readonly #clock: StoreClock;
  readonly #open: (events: HintEvents) => () => void;
  readonly #listeners = new Set<{ readonly call: () => void }>();
  #stop: (() => void) | undefined;
  #timer: Timer | undefined;
  #failures = 0;
  #hinted = 0;
  #missingSince: number | undefined;
  #isClosed = false;

  /** @param open - opens a stream, and returns a function that closes it */
  constructor(clock: StoreClock, open: (events: HintEvents) => () => void) {
    this.#clock = clock;
    this.#open = open;
  }

  start(): void {
    if (this.#isClosed) return;
    let isOver = false;
    const stop = this.#open({
      onHint: (position) => {
        if (isOver) return;
        this.#failures = 0;
        this.#missingSince = undefined;
        if (position !== undefined) this.#hinted = position;
        for (const { call } of [...this.#listeners]) call();
      },
      onEnd: () => {
        if (isOver) return;
        isOver = true;
        this.#restart();
      },
    });
    this.#stop = () => {
      isOver = true;
      stop();
    };
  }

  /** Adds a listener. Returns a function that removes it. */
  add(listener: () => void): () => void {
    const entry = { call: listener };
    this.#listeners.add(entry);
    return () => void this.#listeners.delete(entry);
  }

  /** Called with the position of the head after each read. Restarts a stream that has not reported it for 2 s. */
  expect(position: number): void {
    if (position <= this.#hinted) {
      this.#missingSince = undefined;
      return;
    }
    const now = this.#clock.now();
    this.#missingSince ??= now;
    if (now - this.#missingSince < maxSilenceMs) return;
    this.#hinted = position;
    this.#restart();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
    this.#stop?.();
    this.#listeners.clear();
  }

  #restart(): void {
    this.#stop?.();
    this.#stop = undefined;
    this.#missingSince = undefined;
    if (this.#isClosed) return;
    const boundMs = backoffBoundMs(backoff, ++this.#failures);
    this.#timer?.cancel();
    this.#timer = this.#clock.setTimer(() => this.start(), equalJitterMs(boundMs, this.#clock.random()));
    this.#timer.setRef(false);
  }
}
