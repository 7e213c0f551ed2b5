import type { CallRecord, CallResult, IdempotencyStore } from '../../core/idempotency-store.js';
import { fairCallsOf } from '../at-most-once/fair-calls.js';
import { decodeCall, encodeCall } from './stored-calls-codec.js';

/** The store of the primary, as its workers use it. Records which worker runs which call. */
export class SharedCalls {
  /** The store of the primary, with a limit for the calls of each caller at all workers together. */
  readonly store: IdempotencyStore;
  readonly #isAlive: (worker: number) => boolean;
  readonly #running = new Map<number, Set<string>>();

  constructor(store: IdempotencyStore, isAlive: (worker: number) => boolean) {
    this.store = fairCallsOf(store);
    this.#isAlive = isAlive;
  }

  async begin(worker: number, call: CallRecord): Promise<object> {
    const found = await this.store.begin(call);
    if (found.state === 'new') {
      // A worker that has ended cannot run the call.
      if (!this.#isAlive(worker)) await this.store.withdraw(call.id);
      else this.#runningOf(worker).add(call.id);
    }
    return encodeCall(found);
  }

  async end(worker: number, id: string, result: unknown): Promise<void> {
    await this.store.end(id, decodeCall(result) as CallResult);
    this.#runningOf(worker).delete(id);
  }

  async withdraw(worker: number, id: string): Promise<void> {
    await this.store.withdraw(id);
    this.#runningOf(worker).delete(id);
  }

  /** Stores the running calls of an ended worker as interrupted, because their results are unknown. */
  async workerEnded(worker: number): Promise<void> {
    const ids = [...(this.#running.get(worker) ?? [])];
    this.#running.delete(worker);
    await Promise.all(ids.map((id) => this.store.end(id, { state: 'interrupted' })));
  }

  #runningOf(worker: number): Set<string> {
    const known = this.#running.get(worker) ?? new Set();
    if (this.#isAlive(worker)) this.#running.set(worker, known);
    return known;
  }
}
