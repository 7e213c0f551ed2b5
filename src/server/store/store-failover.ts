import { backoffBoundMs, equalJitterMs } from '../../core/backoff.js';
import { sleep, type Clock } from '../../core/clock.js';
import { ClerkError, errorMessage } from '../../core/errors.js';

/** The parts of a clock that the clients of etcd and PostgreSQL use. */
export type StoreClock = Pick<Clock, 'now' | 'random' | 'setTimer' | 'afterPendingIo'>;

export interface StoreCallOptions {
  /** Timeout of the whole call with all retries, in ms. Default 4,000. */
  readonly timeoutMs?: number;
  /** Timeout of one attempt at one member, in ms. Default 1,500. */
  readonly attemptTimeoutMs?: number;
  /** Called before each retry. The request of the earlier attempt may have been executed. */
  readonly onRepeat?: () => void;
}

/** Returns whether the request of a failed attempt was never sent; undefined if a retry would fail too. */
export type ClassifyFailure = (error: unknown) => { readonly isUnsent: boolean } | undefined;

const defaultTimeoutMs = 4_000;
export const defaultAttemptMs = 1_500;
/** Options for requests with much data, which can take longer than the timeout of an attempt. */
export const bulkCall = { attemptTimeoutMs: defaultTimeoutMs } as const;
const backoff = { firstMs: 20, maxMs: 400 };

/**
 * The members of an etcd or PostgreSQL cluster, in the order of the store URL. A request that fails at one member is
 * retried at the next one, so every request must be idempotent.
 */
export class StoreFailover {
  readonly #names: readonly string[];
  readonly #clock: StoreClock;
  readonly #subject: string;
  readonly #classify: ClassifyFailure;
  #current = 0;
  #isClosed = false;

  constructor(names: readonly string[], clock: StoreClock, subject: string, classify: ClassifyFailure) {
    this.#names = names;
    this.#clock = clock;
    this.#subject = subject;
    this.#classify = classify;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** Index of the member that responded last. */
  get current(): number {
    return this.#current;
  }

  /** Makes the next member the current one, if `member` still is the current one. */
  leave(member: number): void {
    if (member === this.#current) this.#current = (member + 1) % this.#names.length;
  }

  /**
   * Calls `attempt` for each member in turn until one succeeds. Retries wait only after all members have failed, with
   * exponential backoff from 20 to 400 ms.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when no member has responded. `execution` is `none` if the
   *   request was never sent; if it was, `unknown`.
   */
  async call<T>(
    { timeoutMs = defaultTimeoutMs, attemptTimeoutMs = defaultAttemptMs, onRepeat }: StoreCallOptions,
    attempt: (member: number, timeoutMs: number) => Promise<T>,
  ): Promise<T> {
    const deadline = this.#clock.now() + timeoutMs;
    const failures = new Map<number, unknown>();
    let isUnsent = true;
    for (let tries = 1; ; tries++) {
      const member = this.#current;
      const leftMs = Math.max(deadline - this.#clock.now(), 1);
      try {
        return await attempt(member, Math.min(attemptTimeoutMs, leftMs));
      } catch (error) {
        const failure = this.#classify(error);
        if (failure === undefined) throw error;
        isUnsent &&= failure.isUnsent;
        failures.set(member, error);
        this.leave(member);
      }
      const pauseMs = this.#pauseMs(tries);
      if (this.#isClosed || this.#clock.now() + pauseMs >= deadline)
        throw this.#unreachableError(failures, isUnsent);
      // This timer keeps the process alive, because no other handle does so while a server starts.
      if (pauseMs > 0) await sleep(this.#clock, pauseMs);
      onRepeat?.();
    }
  }

  /** Prevents further retries. A running call ends with its current attempt. */
  close(): void {
    this.#isClosed = true;
  }

  #pauseMs(tries: number): number {
    const rounds = tries / this.#names.length;
    if (!Number.isInteger(rounds)) return 0;
    return equalJitterMs(backoffBoundMs(backoff, rounds), this.#clock.random());
  }

  #unreachableError(failures: ReadonlyMap<number, unknown>, isUnsent: boolean): ClerkError {
    const list = [...failures].map(
      ([member, error]) => `${this.#names[member] as string}: ${errorMessage(error)}`,
    );
    return new ClerkError(
      'REGISTRY_UNREACHABLE',
      `${this.#subject} did not respond: ${list.join('; ')}. Check that the database is running, and that host and port in the store URL are right`,
      { execution: isUnsent ? 'none' : 'unknown', cause: [...failures.values()].at(-1) },
    );
  }
}
