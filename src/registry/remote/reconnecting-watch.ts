import { AsyncResource } from 'node:async_hooks';
import { abortableSleep } from '../../core/abortable-sleep.js';
import { backoffBoundMs } from '../../core/backoff.js';
import type { Clock } from '../../core/clock.js';
import { isClerkError } from '../../core/errors.js';
import type { Snapshot } from '../../core/registry.js';
import { retryDelayMs } from '../../core/server-requested-delay.js';
import type { RetryLoop } from '../../core/retry-loop.js';
import type { RegistryConnection } from '../../registry-client/connection.js';
import type { FailoverClient } from '../../registry-client/failover-client.js';
import { WatchState, type WatchPosition } from './watch-state.js';
import { WatchStream } from './watch-stream.js';

const openDelayMs = 20;
/** Maximum backoff in the first round over all servers. Backoffs have full jitter. */
const firstBackoffMs = 500;
/** Maximum backoffs in all later rounds over all servers. */
const backoff = { firstMs: 2_000, maxMs: 5_000 };
/** Time limit to open a stream while another server has not been tried. */
const firstOpenMs = 1_000;
/** A stream that ends within this time after its snapshots counts as short. */
const shortStreamMs = 1_000;
/** Number of short streams in a row, per server, after which the maximum backoff grows. */
const maxShortStreams = 4;

/**
 * The event stream of all watches of a clerk. If the stream breaks, the servers are tried in turn, with exponential
 * backoff and jitter. The new stream resumes where the broken stream ended, or begins with new snapshots. The old
 * snapshots stay valid until the new snapshots are complete. A snapshot never mixes data of two servers. When requests
 * move to another server, because the server of the stream did not respond, the stream moves to the same server.
 *
 * @see [C1.7](../../../docs/guarantees.md#c1-7), [C4.4](../../../docs/guarantees.md#c4-4)
 */
export class ReconnectingWatch {
  readonly #state = new WatchState();
  /** The stream runs in the async context of the clerk, not of the call that started it. */
  readonly #context = new AsyncResource('CLERK_WATCH');
  readonly #client: FailoverClient;
  readonly #clock: Clock;
  readonly #retry: RetryLoop;
  #stream: WatchStream | undefined;
  #connection: RegistryConnection | undefined;
  /** Where the next stream resumes; undefined for a stream that begins with new snapshots. */
  #position: WatchPosition | undefined;
  #isRunning = false;
  #isUpdateScheduled = false;
  readonly #closing = new AbortController();
  /** Number of failed streams since the snapshots of all watches were last complete. */
  #consecutiveFailures = 0;
  /** The servers whose streams have failed in this round. */
  readonly #failed = new Set<RegistryConnection>();
  #wasCurrent = false;
  /** When the snapshots of the present stream were first complete. */
  #currentAt: number | undefined;
  /** Streams in a row that ended soon after their snapshots. */
  #shortStreams = 0;

  constructor(client: FailoverClient, clock: Clock, retry: RetryLoop) {
    this.#client = client;
    this.#clock = clock;
    this.#retry = retry;
    client.onPreferred(() => this.#followRequests());
  }

  /**
   * Returns a function that ends the watch.
   *
   * @throws {@link ClerkError} `NAME_INVALID` when the glob is invalid
   */
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
    this.#closing.abort();
    this.#stream?.stop();
  }

  /** Schedules one update for all watches that are added or removed before the update runs. */
  #scheduleUpdate(): void {
    if (this.#isUpdateScheduled || this.#closing.signal.aborted) return;
    this.#isUpdateScheduled = true;
    const update = (): void => {
      this.#isUpdateScheduled = false;
      if (this.#isIdle()) this.#stream?.stop();
      else if (this.#isRunning) this.#stream?.updateGlobs();
      else this.#run();
    };
    this.#context.runInAsyncScope(() => {
      // The delay gives the first lookup and the first call precedence over the stream.
      if (this.#isRunning) this.#clock.afterPendingIo(update);
      else this.#clock.setTimer(update, openDelayMs).setRef(false);
    });
  }

  #isIdle(): boolean {
    return this.#closing.signal.aborted || this.#state.size === 0;
  }

  #run(): void {
    this.#isRunning = true;
    this.#retry(() => this.#runStream(), {
      signal: this.#closing.signal,
      wait: (error) => this.#backOff(error),
    })
      // The loop rejects only after `close`.
      .catch(() => undefined)
      .finally(() => {
        this.#isRunning = false;
        if (!this.#isIdle()) this.#scheduleUpdate();
      });
  }

  #runStream(): Promise<void> {
    if (this.#isIdle()) return Promise.resolve();
    const { connections } = this.#client;
    if (connections.every((each) => this.#failed.has(each))) this.#failed.clear();
    const connection = connections.find((each) => !this.#failed.has(each)) as RegistryConnection;
    const isOneOfSeveral = this.#consecutiveFailures < connections.length && connections.length > 1;
    this.#connection = connection;
    return new Promise((resolve, reject) => {
      const stream = new WatchStream({
        connection,
        clock: this.#clock,
        state: this.#state,
        resumeFrom: this.#position,
        startTimeoutMs: isOneOfSeveral ? firstOpenMs : undefined,
        onCurrent: () => {
          this.#consecutiveFailures = 0;
          this.#failed.clear();
          this.#wasCurrent = true;
          this.#currentAt ??= this.#clock.now();
          this.#client.prefer(connection);
          this.#state.endOutage();
        },
        onEnd: (error, position) => {
          this.#stream = undefined;
          this.#position = position;
          if (error === undefined) {
            this.#currentAt = undefined;
            resolve();
          } else {
            this.#failed.add(connection);
            reject(error);
          }
        },
      });
      this.#stream = stream;
      stream.open();
    });
  }

  #followRequests(): void {
    if (this.#currentAt !== undefined && this.#client.connections[0] !== this.#connection)
      this.#stream?.stop();
  }

  async #backOff(error: unknown): Promise<void> {
    const servers = this.#client.connections.length;
    this.#consecutiveFailures++;
    // Reports an outage when the streams of all servers have failed. If the snapshots were complete, the first
    // failure was the end of the working stream, and does not count.
    if (this.#consecutiveFailures >= servers + (this.#wasCurrent ? 1 : 0)) {
      this.#wasCurrent = false;
      this.#state.reportOutage(error);
    }
    // A server that ends each stream soon after its snapshots must not cause a new snapshot every few milliseconds.
    const isShort = this.#currentAt !== undefined && this.#clock.now() - this.#currentAt < shortStreamMs;
    if (this.#currentAt !== undefined) this.#shortStreams = isShort ? this.#shortStreams + 1 : 0;
    this.#currentAt = undefined;
    const rounds = Math.max(
      Math.floor((this.#consecutiveFailures - 1) / servers),
      Math.floor(this.#shortStreams / (maxShortStreams * servers)),
    );
    const maxMs = rounds === 0 ? firstBackoffMs : backoffBoundMs(backoff, rounds);
    const askedMs = isClerkError(error) ? error.remainingMs : undefined;
    const delay = { askedMs, maxAskedMs: backoff.maxMs, backoffMs: maxMs };
    const { signal } = this.#closing;
    await abortableSleep(this.#clock, retryDelayMs(this.#clock.random(), delay), signal, false);
  }
}
