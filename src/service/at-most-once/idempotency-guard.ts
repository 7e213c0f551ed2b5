/**
 * Decides of each call with an id whether it runs: once, and never without having been written down before. It knows
 * nothing of how requests are read and answers sent.
 *
 * @see promises C3.5, C3.6, C3.7
 */
import type { IdempotencyStore, CallLookup, StoredResponse } from '../../core/idempotency-store.js';
import type { Clock } from '../../core/clock.js';
import { isClerkError, errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { responseHeaders, callIdPattern } from '../../protocol/call-headers.js';
import { RetentionWindow } from './retention-window.js';
import { fingerprintOf, type FingerprintInput, type Digest } from './fingerprint.js';
import { activeCallsOf, type ActiveCalls } from './active-calls.js';
import { InstanceEpochs, parseTargetInstance } from './instance-epochs.js';
import { rejections } from './rejections.js';
import { HandlerExecution } from './handler-execution.js';

/** What one is made of. */
export interface IdempotencyGuardOptions {
  readonly clock: Clock;
  readonly digest: Digest;
  readonly logger: Logger;
  readonly store: IdempotencyStore;
  readonly windowMs: number;
  /** A text that no other life of any process has. */
  readonly incarnation: string;
}

/** A call that may run, as far as its headers tell. */
export interface ValidKey {
  readonly id: string;
  readonly createdAt: number;
}

/** Between two times of forgetting there are at least so many ms, and at most. */
const minCleanupIntervalMs = 1_000;
const maxCleanupIntervalMs = 600_000;

/** See the file's header. */
export class IdempotencyGuard {
  readonly instanceEpochs = new InstanceEpochs();
  readonly #options: IdempotencyGuardOptions;
  readonly #retention: RetentionWindow;
  readonly #activeCalls: ActiveCalls;
  #nextCleanupAt: number;
  #hasWarned = false;

  constructor(options: IdempotencyGuardOptions) {
    this.#options = options;
    this.#retention = new RetentionWindow(options.clock, options.windowMs);
    this.#activeCalls = activeCallsOf(options.store);
    this.#nextCleanupAt = options.clock.now();
  }

  /** Name of the memory where it is shared. */
  get scope(): string | undefined {
    return this.#options.store.scope;
  }

  /** Makes the memory ready. @throws what keeps it from being that */
  async open(): Promise<void> {
    await this.#options.store.open?.();
  }

  /** What the headers of a call tell: it may run, or a refusal, certainly before anything ran. */
  validateKey(id: string, instance: string | undefined): ValidKey | { readonly rejection: StoredResponse } {
    const digits = callIdPattern.exec(id)?.[1];
    if (digits === undefined) return { rejection: rejections.malformedKey() };
    const createdAt = Number(digits);
    const target = instance === undefined ? undefined : parseTargetInstance(instance);
    if (instance !== undefined && target === undefined) return { rejection: rejections.malformedInstance() };

    const age = this.#retention.classify(createdAt);
    if (age !== 'good')
      return { rejection: age === 'old' ? rejections.keyExpired() : rejections.keyFromFuture() };

    const { isDurable, scope } = this.#options.store;
    if (scope !== undefined) return { id, createdAt };
    const place = target && this.instanceEpochs.locate(target);
    if (place === 'other' || (place === 'earlier' && !isDurable))
      return { rejection: rejections.otherInstance() };
    if (isDurable || place === 'here') return { id, createdAt };
    // A memory that began after the call: an earlier one may have known it. Where nobody counts lives, none is earlier.
    const mayPredateStore = target === undefined || target.epoch > 0;
    return mayPredateStore && createdAt < this.#retention.startedAt
      ? { rejection: rejections.keyExpired() }
      : { id, createdAt };
  }

  /** Writes a call down, and lets it run if it is new. Never rejects. */
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
    if (found.state === 'new')
      return new HandlerExecution(id, store, logger, () => this.#activeCalls.executionEnded(id));
    if (found.state === 'expired') return rejections.keyExpired();
    if (found.fingerprint !== fingerprint) return rejections.fingerprintMismatch();
    if (found.state === 'running')
      return this.#isAbandoned(found.owner, isActive) ? rejections.outcomeUnknown() : rejections.running();
    if (found.state === 'interrupted') return rejections.outcomeUnknown();
    return found.response === undefined ? rejections.responseNotStored() : replayedResponse(found.response);
  }

  /** Instance and life. */
  get #owner(): string {
    return `${this.instanceEpochs.id} ${this.#options.incarnation}`;
  }

  /** What is found running by this very instance is not, where that was another life, or nobody has it in hand. */
  #isAbandoned(owner: string, isActive: boolean): boolean {
    const { incarnation, store } = this.#options;
    const [instance = '', ownerIncarnation] = owner.split(' ');
    if (ownerIncarnation === incarnation && isActive) return false;
    return store.scope === undefined || (instance !== '' && instance === this.instanceEpochs.id);
  }

  #storeFailed(error: unknown): StoredResponse {
    const isFull = isClerkError(error) && error.code === 'LIMIT_EXCEEDED';
    if (!this.#hasWarned)
      this.#options.logger.error(
        `Calls that must run at most once are not run for now, since they cannot be written down: ${errorMessage(error)}`,
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
      logger.warn(`Old calls could not be forgotten, and take room until they can: ${errorMessage(error)}`);
    }
  }
}

function replayedResponse({ status, headers, body }: StoredResponse): StoredResponse {
  return { status, headers: [...headers, [responseHeaders.idempotency, 'replayed']], body };
}
