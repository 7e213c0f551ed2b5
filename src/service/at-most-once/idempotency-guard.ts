import type { IdempotencyStore, CallLookup, StoredResponse } from '../../core/idempotency-store.js';
import type { Clock } from '../../core/clock.js';
import { isClerkError, errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { responseHeaders, callIdPattern } from '../../protocol/call-headers.js';
import { RetentionWindow } from './retention-window.js';
import { fingerprintOf, type FingerprintInput, type Digest } from './fingerprint.js';
import { ActivityMeter } from '../activity-meter.js';
import { WorkerCalls } from '../cluster/worker-calls.js';
import { activeCallsOf, type ActiveCalls } from './active-calls.js';
import { InstanceEpochs, parseTargetInstance } from './instance-epochs.js';
import { rejections } from './rejections.js';
import { HandlerExecution } from './handler-execution.js';

export interface IdempotencyGuardOptions {
  readonly clock: Clock;
  readonly digest: Digest;
  readonly logger: Logger;
  readonly store: IdempotencyStore;
  readonly windowMs: number;
  readonly incarnation: string;
}

const nearlyFullShare = 0.8;

export interface ValidKey {
  readonly id: string;
  readonly createdAt: number;
}

/** Expired calls are removed at an interval of a hundredth of `windowMs`, within these bounds. */
const minCleanupIntervalMs = 1_000;
const maxCleanupIntervalMs = 600_000;

/**
 * Decides whether the handler runs for a request with an idempotency key. The handler runs at most once per key, and
 * only after the key was stored.
 *
 * @see [C3.5](../../../docs/guarantees.md#c3-5), [C3.6](../../../docs/guarantees.md#c3-6),
 * [C3.7](../../../docs/guarantees.md#c3-7)
 */
export class IdempotencyGuard {
  readonly instanceEpochs = new InstanceEpochs();
  readonly #options: IdempotencyGuardOptions;
  readonly #retention: RetentionWindow;
  readonly #activeCalls: ActiveCalls;
  #activity: ActivityMeter | undefined;
  #nextCleanupAt: number;
  #hasWarned = false;
  #isNearlyFull = false;

  constructor(options: IdempotencyGuardOptions) {
    this.#options = options;
    this.#retention = new RetentionWindow(options.clock, options.windowMs);
    this.#activeCalls = activeCallsOf(options.store);
    this.#nextCleanupAt = options.clock.now();
  }

  get scope(): string | undefined {
    return this.#options.store.scope;
  }

  get isStoreOfPrimary(): boolean {
    return this.#options.store instanceof WorkerCalls;
  }

  get activity(): ActivityMeter | undefined {
    return this.#activity;
  }

  /** Starts to count all calls of the handler, with and without an idempotency key. */
  countCalls(): ActivityMeter {
    return (this.#activity ??= new ActivityMeter(this.#options.clock));
  }

  async open(): Promise<void> {
    await this.#options.store.open?.();
  }

  /** Checks the idempotency key and the header `clerk-instance`. Returns a response if they are rejected. */
  validateKey(id: string, instance: string | undefined): ValidKey | StoredResponse {
    const digits = callIdPattern.exec(id)?.[1];
    if (digits === undefined) return rejections.malformedKey();
    const createdAt = Number(digits);
    const target = instance === undefined ? undefined : parseTargetInstance(instance);
    if (instance !== undefined && target === undefined) return rejections.malformedInstance();

    const age = this.#retention.classify(createdAt);
    const ageMs = this.#ageOf(createdAt);
    if (age === 'expired') return rejections.keyExpired(ageMs, this.#options.windowMs);
    if (age === 'future') return rejections.keyFromFuture(-ageMs);

    const { isDurable, scope } = this.#options.store;
    if (scope !== undefined) return { id, createdAt };
    const location = target && this.instanceEpochs.locate(target);
    if (location === 'other-instance' || (location === 'earlier-epoch' && !isDurable))
      return rejections.otherInstance();
    if (isDurable || location === 'current') return { id, createdAt };
    // The store lacks the calls of earlier processes. An instance with epoch 0 has no earlier process.
    const mayPredateStore = target === undefined || target.epoch > 0;
    return mayPredateStore && createdAt < this.#storeStartedAt
      ? rejections.keyPredatesStore(ageMs, this.#ageOf(this.#storeStartedAt))
      : { id, createdAt };
  }

  /** Stores a new call and returns its execution, or returns the response to send. Never rejects. */
  async begin(
    { id, createdAt }: ValidKey,
    request: FingerprintInput,
  ): Promise<HandlerExecution | StoredResponse> {
    const { store, digest, logger } = this.#options;
    void this.#cleanUp();
    const fingerprint = fingerprintOf(digest, request);
    let found: CallLookup | undefined;
    let isActive: boolean;
    this.#activeCalls.lookupStarted(id, createdAt);
    try {
      found = await store.begin({ id, createdAt, fingerprint, owner: this.#owner });
    } catch (error) {
      return this.#storeFailed(error);
    } finally {
      isActive = this.#activeCalls.lookupFinished(id, found?.state === 'new');
    }
    this.#hasWarned = false;
    this.#checkUsage();
    if (found.state === 'new')
      return new HandlerExecution(id, store, logger, () => this.#activeCalls.executionEnded(id));
    if (found.state === 'expired') return rejections.keyForgotten(this.#ageOf(createdAt));
    if (found.fingerprint !== fingerprint) return rejections.fingerprintMismatch();
    if (found.state === 'running')
      return this.#isAbandoned(found.owner, isActive) ? rejections.outcomeUnknown() : rejections.running();
    if (found.state === 'interrupted') return rejections.outcomeUnknown();
    return found.response === undefined ? rejections.responseNotStored() : replayedResponse(found.response);
  }

  #ageOf(createdAt: number): number {
    return this.#options.clock.wallNow() - createdAt;
  }

  get #storeStartedAt(): number {
    const { store } = this.#options;
    return store instanceof WorkerCalls ? store.primaryStartedAt : this.#retention.startedAt;
  }

  get #owner(): string {
    return `${this.instanceEpochs.id} ${this.#options.incarnation}`;
  }

  /**
   * Whether a call that is stored as running has certainly ended. A call of this instance runs only while it is
   * active in this process.
   */
  #isAbandoned(owner: string, isActive: boolean): boolean {
    const { incarnation, store } = this.#options;
    // The primary has already ended the calls of dead workers.
    if (store instanceof WorkerCalls) return false;
    const [instance = '', ownerIncarnation] = owner.split(' ');
    if (ownerIncarnation === incarnation && isActive) return false;
    return store.scope === undefined || (instance !== '' && instance === this.instanceEpochs.id);
  }

  #checkUsage(): void {
    const { store, windowMs, logger } = this.#options;
    const usage = store.usage?.();
    if (usage === undefined) return;
    const { calls, maxCalls } = usage;
    if (calls < maxCalls / 2) this.#isNearlyFull = false;
    if (this.#isNearlyFull || calls < maxCalls * nearlyFullShare) return;
    this.#isNearlyFull = true;
    logger.warn(
      `The idempotency store has ${calls} of at most ${maxCalls} calls, and keeps each call for ${windowMs} ms; a full store rejects new calls; raise maxCalls, or shorten windowMs`,
    );
  }

  #storeFailed(error: unknown): StoredResponse {
    const isFull = isClerkError(error) && error.code === 'LIMIT_EXCEEDED';
    if (!this.#hasWarned)
      this.#options.logger.error(
        `Requests with an idempotency key are rejected, because their keys cannot be stored: ${errorMessage(error)}`,
      );
    this.#hasWarned = true;
    return isFull ? rejections.storeFull() : rejections.storeUnavailable();
  }

  async #cleanUp(): Promise<void> {
    const { clock, store, windowMs, logger } = this.#options;
    const now = clock.now();
    if (now < this.#nextCleanupAt) return;
    this.#nextCleanupAt =
      now + Math.min(maxCleanupIntervalMs, Math.max(minCleanupIntervalMs, windowMs / 100));
    const createdBefore = this.#retention.expiredBefore();
    this.#activeCalls.expire(createdBefore);
    try {
      await store.expire(createdBefore);
    } catch (error) {
      logger.warn(
        `Expired calls could not be removed from the store; the removal will be retried: ${errorMessage(error)}`,
      );
    }
  }
}

function replayedResponse({ status, headers, body }: StoredResponse): StoredResponse {
  return { status, headers: [...headers, [responseHeaders.idempotency, 'replayed']], body };
}
