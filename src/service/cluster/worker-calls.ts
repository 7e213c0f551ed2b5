import type { CallLookup, CallRecord, CallResult, IdempotencyStore } from '../../core/idempotency-store.js';
import type { PrimaryLink } from './primary-link.js';
import { decodeCall, encodeCall } from './stored-calls-codec.js';

/**
 * The store of a cluster worker. All calls are in the store of the primary. The primary stores the calls of a dead
 * worker as interrupted, so a call that is stored as running has not ended.
 */
export class WorkerCalls implements IdempotencyStore {
  readonly isDurable: boolean;
  readonly scope: string | undefined;
  readonly primaryStartedAt: number;
  readonly #link: PrimaryLink;

  constructor(link: PrimaryLink) {
    const { isDurable, scope, startedAt } = link.settings;
    this.isDurable = isDurable;
    this.scope = scope;
    this.primaryStartedAt = startedAt;
    this.#link = link;
  }

  async open(): Promise<void> {
    await this.#link.request('open');
  }

  async begin(call: CallRecord): Promise<CallLookup> {
    return decodeCall(await this.#link.request('begin', call)) as CallLookup;
  }

  async end(id: string, result: CallResult): Promise<void> {
    await this.#link.request('end', id, encodeCall(result));
  }

  async withdraw(id: string): Promise<void> {
    await this.#link.request('withdraw', id);
  }

  async expire(createdBefore: number): Promise<void> {
    await this.#link.request('expire', createdBefore);
  }
}
