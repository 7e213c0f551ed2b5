import type {
  CallLookup,
  CallRecord,
  IdempotencyStore,
  StoredResponse,
  StoreUsage,
} from '../../core/idempotency-store.js';
import type { Clock } from '../../core/clock.js';
import { isClerkError, errorMessage } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';
import { responseHeaders, callIdPattern } from '../../protocol/call-headers.js';
import { fairCallsOf } from './fair-calls.js';
import { findBegun, undatedKey, type UndatedKey } from './idempotency-key.js';
import { ArrivingBodies } from './arriving-bodies.js';
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
  /** Undefined if the caller is unknown. */
  readonly caller: string | undefined;
  /**
   * The principal and the header `authorization` of the request. A request with other values gets no stored response.
   * Default: none.
   */
  readonly sender?: readonly string[];
  /** A second id under which the store may have the call. Only for a key without creation time. */
  readonly earlier?: UndatedKey['earlier'];
}

/** Expired calls are removed at an interval of a hundredth of `windowMs`, within these bounds. */
const minCleanupIntervalMs = 1_000;
const maxCleanupIntervalMs = 600_000;
/**
 * Minimum time for which a full store keeps a call, in ms. It is enough for most retries, because a clerk sends the
 * retries of a call within the timeout of the call.
 */
const minKeptMs = 60_000;
const roomIntervalMs = 1_000;
/** Maximum total size of request bodies that have not arrived completely, in bytes. */
const maxArrivingBytes = 64 * 1024 * 1024;
const warningIntervalMs = 60_000;

/**
 * Decides whether the handler runs for a request with an idempotency key. The handler runs at most once per key, and
 * only after the key was stored.
 *
 * @see [C3.5](../../../docs/guarantees.md#c3-5), [C3.6](../../../docs/guarantees.md#c3-6),
 * [C3.7](../../../docs/guarantees.md#c3-7)
 */
export class IdempotencyGuard {
  readonly instanceEpochs = new InstanceEpochs();
  readonly arrivingBodies = new ArrivingBodies(maxArrivingBytes);
  readonly #options: IdempotencyGuardOptions;
  readonly #retention: RetentionWindow;
  readonly #activeCalls: ActiveCalls;
  /** The store, with a limit for each caller. In a cluster worker, the primary applies the limits. */
  readonly #calls: IdempotencyStore;
  #activity: ActivityMeter | undefined;
  #nextCleanupAt: number;
  #hasWarned = false;
  #isNearlyFull = false;
  /** Calls are kept for this time, in ms: `windowMs`, or less after the store was full, until it is half empty. */
  #keptMs: number;
  #nextRoomAt = -Infinity;
  #makingRoom: Promise<boolean> | undefined;
  #nextFullWarningAt = -Infinity;

  constructor(options: IdempotencyGuardOptions) {
    this.#options = options;
    this.#retention = new RetentionWindow(options.clock, options.windowMs);
    this.#activeCalls = activeCallsOf(options.store);
    this.#calls = options.store instanceof WorkerCalls ? options.store : fairCallsOf(options.store);
    this.#keptMs = options.windowMs;
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

  /**
   * Checks the idempotency key and the header `clerk-instance`. Returns a response if one of them is rejected.
   *
   * @param caller - the sender of the request, if known
   */
  validateKey(id: string, instance: string | undefined, caller?: string): ValidKey | StoredResponse {
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
    if (scope !== undefined) return { id, createdAt, caller };
    const location = target && this.instanceEpochs.locate(target);
    if (location === 'other-instance' || (location === 'earlier-epoch' && !isDurable))
      return rejections.otherInstance();
    if (isDurable || location === 'current') return { id, createdAt, caller };
    // The store lacks the calls of earlier processes. An instance with epoch 0 has no earlier process.
    const mayPredateStore = target === undefined || target.epoch > 0;
    return mayPredateStore && createdAt < this.#storeStartedAt
      ? rejections.keyPredatesStore(ageMs, this.#ageOf(this.#storeStartedAt))
      : { id, createdAt, caller };
  }

  /**
   * Returns the ids of a key that no clerk has created, such as a UUID. Its retention window begins with its first
   * request.
   */
  undatedKey(key: string, caller?: string): ValidKey {
    const { digest, clock, windowMs } = this.#options;
    return { ...undatedKey(digest, key, clock.wallNow(), windowMs), caller };
  }

  /** Stores a new call and returns its execution, or returns the response to send. Never rejects. */
  async begin(
    { id, createdAt, caller, sender = [], earlier }: ValidKey,
    request: FingerprintInput,
  ): Promise<HandlerExecution | StoredResponse> {
    void this.#cleanUp();
    const { digest } = this.#options;
    const call = { id, createdAt, fingerprint: fingerprintOf(digest, request, sender), owner: this.#owner };
    const record = caller === undefined ? call : { ...call, caller };
    if (earlier !== undefined) {
      const known = await this.#lookUp({ ...record, ...earlier }, (each) => findBegun(this.#calls, each));
      if (known !== undefined) return known;
    }
    const result = await this.#lookUp(record, (each) => this.#beginOrMakeRoom(each));
    return result as NonNullable<typeof result>;
  }

  /** @returns undefined if `find` found nothing */
  async #lookUp(
    call: CallRecord,
    find: (call: CallRecord) => Promise<CallLookup | undefined>,
  ): Promise<HandlerExecution | StoredResponse | undefined> {
    const { logger } = this.#options;
    const { id, createdAt, fingerprint } = call;
    let found: CallLookup | undefined;
    let isActive: boolean;
    this.#activeCalls.lookupStarted(id, createdAt);
    try {
      found = await find(call);
    } catch (error) {
      return this.#storeFailed(error);
    } finally {
      isActive = this.#activeCalls.lookupFinished(id, found?.state === 'new');
    }
    if (found === undefined) return undefined;
    if (found.state === 'new' && this.#hasWarned) {
      this.#hasWarned = false;
      logger.info('Idempotency keys can be stored again, so requests with a key are accepted again');
    }
    this.#checkUsage();
    if (found.state === 'new')
      return new HandlerExecution(id, this.#calls, logger, () => this.#activeCalls.executionEnded(id));
    if (found.state === 'expired') return rejections.keyForgotten(this.#ageOf(createdAt));
    if (found.fingerprint !== fingerprint) return rejections.fingerprintMismatch();
    if (found.state === 'running')
      return this.#isAbandoned(found.owner, isActive) ? rejections.outcomeUnknown() : rejections.running();
    if (found.state === 'interrupted') return rejections.outcomeUnknown();
    return found.response === undefined ? rejections.responseNotStored() : replayedResponse(found.response);
  }

  async #beginOrMakeRoom(call: CallRecord): Promise<CallLookup> {
    try {
      return await this.#calls.begin(call);
    } catch (error) {
      if (!isClerkError(error) || error.code !== 'LIMIT_EXCEEDED' || !(await this.#makeRoom())) throw error;
      return this.#calls.begin(call);
    }
  }

  /** Removes old calls from a full store. Resolves to false if this was done less than a second ago. */
  #makeRoom(): Promise<boolean> {
    const now = this.#options.clock.now();
    if (now < this.#nextRoomAt) return this.#makingRoom ?? Promise.resolve(false);
    this.#nextRoomAt = now + roomIntervalMs;
    const making = this.#removeOldCalls().finally(() => (this.#makingRoom = undefined));
    this.#makingRoom = making;
    return making;
  }

  async #removeOldCalls(): Promise<boolean> {
    const { windowMs, store } = this.#options;
    const minMs = Math.min(windowMs, minKeptMs);
    const before = store.usage?.()?.calls;
    do {
      this.#keptMs = Math.max(minMs, this.#keptMs / 2);
      await this.#expire(this.#keptMs);
    } while (this.#keptMs > minMs && store.usage?.()?.calls === before);
    return true;
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
    // The primary has already stored the calls of dead workers as interrupted.
    if (store instanceof WorkerCalls) return false;
    const [instance = '', ownerIncarnation] = owner.split(' ');
    if (ownerIncarnation === incarnation && isActive) return false;
    return store.scope === undefined || (instance !== '' && instance === this.instanceEpochs.id);
  }

  #checkUsage(): void {
    const { store, windowMs, logger } = this.#options;
    const usage = store.usage?.();
    if (usage === undefined) return;
    if (!reachesShare(usage, 1 / 2)) {
      this.#isNearlyFull = false;
      this.#keptMs = windowMs;
    }
    if (this.#isNearlyFull || !reachesShare(usage, nearlyFullShare)) return;
    this.#isNearlyFull = true;
    const [used, option] = nearestLimit(usage);
    logger.warn(
      `The idempotency store is nearly full: it has ${used}, and keeps each call for ${windowMs} ms. When it is full, it first removes calls before this time has passed. If this does not make room, it rejects new calls. Raise ${option}, or shorten windowMs`,
    );
  }

  #storeFailed(error: unknown): StoredResponse {
    const isFull = isClerkError(error) && error.code === 'LIMIT_EXCEEDED';
    const now = this.#options.clock.now();
    const isDue = isFull ? now >= this.#nextFullWarningAt : !this.#hasWarned;
    if (isFull && isDue) this.#nextFullWarningAt = now + warningIntervalMs;
    if (isDue)
      this.#options.logger.error(
        `${isFull ? 'New requests' : 'Requests'} with an idempotency key are rejected, because their keys cannot be stored: ${errorMessage(error)}`,
      );
    this.#hasWarned ||= !isFull;
    return isFull ? rejections.storeFull() : rejections.storeUnavailable();
  }

  async #expire(keptMs: number): Promise<void> {
    const createdBefore = this.#retention.expiredBefore(keptMs);
    this.#activeCalls.expire(createdBefore);
    await this.#calls.expire(createdBefore);
  }

  async #cleanUp(): Promise<void> {
    const { clock, windowMs, logger } = this.#options;
    const now = clock.now();
    if (now < this.#nextCleanupAt) return;
    this.#nextCleanupAt =
      now + Math.min(maxCleanupIntervalMs, Math.max(minCleanupIntervalMs, windowMs / 100));
    try {
      await this.#expire(this.#keptMs);
    } catch (error) {
      logger.warn(
        `Expired calls could not be removed from the idempotency store: ${errorMessage(error)}; the removal is retried with a later request`,
      );
    }
  }
}

function reachesShare(
  { calls, maxCalls, bytes = 0, maxBytes = Infinity }: StoreUsage,
  share: number,
): boolean {
  return calls >= maxCalls * share || bytes >= maxBytes * share;
}

/** Returns how much of the nearly reached limit is used, and the option that sets the limit. */
function nearestLimit({ calls, maxCalls, bytes = 0, maxBytes = Infinity }: StoreUsage): [string, string] {
  return calls >= maxCalls * nearlyFullShare
    ? [`${calls} of at most ${maxCalls} calls`, 'maxCalls']
    : [`${bytes} of at most ${maxBytes} bytes`, 'maxBytes'];
}

function replayedResponse({ status, headers, body }: StoredResponse): StoredResponse {
  return { status, headers: [...headers, [responseHeaders.idempotency, 'replayed']], body };
}
