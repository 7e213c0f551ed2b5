import { sleep, type Clock } from '../../../core/clock.js';
import { ClerkError } from '../../../core/errors.js';
import { emptyLog, type LogBatch, type LogPoint, type SharedLog } from '../../shared-log.js';
import type { StateChange } from '../state/records.js';
import { decodeBatch, encodeBatch, type BatchContent } from './batch-content.js';
import type { Freshness, Instant } from './freshness.js';
import { LogRecords } from './log-records.js';
import { recordDifference } from './record-difference.js';

/** An append with unknown outcome is retried for this time, in ms. */
const maxUnknownMs = 3_000;
const retryDelayMs = 200;
/**
 * A snapshot is saved after this number of batches or of characters. Each server multiplies both by a random factor
 * from 1 to 2, so that not all servers save at the same time.
 */
const snapshotBatches = 1_000;
const snapshotLength = 4 * 1024 * 1024;
/** Another server counts as a concurrent writer for this time after its last batch, in ms. */
const contentionMs = 500;
const maxTurnMs = 50;
/** Number of batches before a snapshot that stay in the log, for servers that have not read them yet. */
const keptBatches = 256;

export interface ReplicaRuntime extends Clock {
  randomHex(bytes: number): string;
}

/** Receives the changes that other servers have written. */
export interface ReplicaObserver {
  onBatch(batch: BatchContent): void;
  /**
   * Replaces the state by the state of the log. Called when the log no longer has all batches after the last one that
   * was read, or when the log was replaced.
   *
   * @param isOther - whether the log has a different history
   */
  onReplaced(changes: readonly StateChange[], revision: number, isOther: boolean): void;
}

/**
 * The copy of a shared log in one server. `append` and `catchUp` must not run concurrently, because both change the
 * state.
 *
 * @see [decision 141](../../../../docs/decisions/141-shared-log.md)
 */
export class LogReplica {
  readonly #log: SharedLog;
  readonly #runtime: ReplicaRuntime;
  readonly #freshness: Freshness;
  readonly #writer: string;
  #records = new LogRecords();
  #point: LogPoint = emptyLog;
  #sequence = 0;
  #observer: ReplicaObserver | undefined;
  #snapshotPosition = 0;
  #sinceSnapshot = { batches: 0, length: 0 };
  readonly #snapshotFactor: number;
  #saving: Promise<void> | undefined;
  /** When a batch of another server was last applied. */
  #foreignAt = -Infinity;
  #ownAppendMs = 0;
  /** Whether this server wrote the last batch and has not yielded since. */
  #isTurnTaken = false;
  #isClosed = false;

  /** @param writer - unique among all servers that ever use the log; part of the batch identifiers */
  constructor(log: SharedLog, runtime: ReplicaRuntime, freshness: Freshness, writer: string) {
    this.#log = log;
    this.#runtime = runtime;
    this.#freshness = freshness;
    this.#writer = writer;
    this.#snapshotFactor = 1 + parseInt(runtime.randomHex(2), 16) / 0x1_0000;
  }

  get records(): ReadonlyMap<string, string> {
    return this.#records.map;
  }

  get revision(): number {
    return this.#records.revision;
  }

  get point(): LogPoint {
    return this.#point;
  }

  /** Reads the whole log. Before `observe` is called, changes go only to `records`. */
  async load(): Promise<void> {
    await this.#reload(false);
  }

  observe(observer: ReplicaObserver): void {
    this.#observer = observer;
  }

  /**
   * Appends a batch that was planned on the state of this replica. Returns `conflict` when another server has
   * appended first. In this case, the batches of other servers are applied; the caller must plan its commands again.
   *
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when the outcome is unknown
   */
  async append(
    changes: readonly StateChange[],
    revision: number,
    isBulk: boolean,
  ): Promise<'written' | 'conflict'> {
    const after = this.#point;
    const id = `${this.#writer}-${(++this.#sequence).toString(36)}`;
    const content = encodeBatch({ previous: after.id, revision, isBulk, changes }, this.#runtime.now());
    const sentAt = await this.#appendOnce(after, id, content);
    if (sentAt === undefined) {
      // Reads only the next batches and not the head, because a slow reader would lose the next append too.
      if (!(await this.#replayNext())) await this.catchUp();
      return 'conflict';
    }
    this.#ownAppendMs = this.#runtime.now() - sentAt.at;
    this.#isTurnTaken = true;
    this.#advance({ position: after.position + 1, id }, changes, revision, content.length);
    this.#freshness.confirm(sentAt);
    return 'written';
  }

  /**
   * Waits after an append if other servers write, too, so that their appends can succeed. Without this wait, a
   * server with a slow connection would lose every conflict. Returns undefined when no wait is needed.
   */
  yieldTurn(): Promise<void> | undefined {
    const isContended = this.#runtime.now() - this.#foreignAt <= contentionMs;
    if (!this.#isTurnTaken || !isContended || this.#ownAppendMs === 0) return undefined;
    this.#isTurnTaken = false;
    const ms = Math.min(maxTurnMs, this.#ownAppendMs * (1 + 2 * this.#runtime.random()));
    return sleep(this.#runtime, ms, false);
  }

  /** Applies all batches up to the head of the log, as read during the call. */
  async catchUp(): Promise<void> {
    const sentAt = this.#freshness.instant();
    const head = await this.#log.head();
    if (await this.#replayTo(head)) this.#freshness.confirm(sentAt);
  }

  /** Returns whether the state was at the head of the log. If false, the batches of other servers were applied. */
  async isAtHead(): Promise<boolean> {
    const { position, id } = this.#point;
    await this.catchUp();
    return this.#point.position === position && this.#point.id === id;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#saving;
  }

  /** Returns an instant before the append; undefined when another server has appended first. */
  async #appendOnce(after: LogPoint, id: string, content: string): Promise<Instant | undefined> {
    const firstSentAt = this.#freshness.instant();
    const until = firstSentAt.at + maxUnknownMs;
    let isUnknown = false;
    for (;;) {
      try {
        if ((await this.#log.append(after, id, content)) === 'appended') return firstSentAt;
        // An earlier request without a response may have appended this batch, and other servers may have appended more
        // batches since. The log shows whether this batch is the successor.
        if (!isUnknown) return undefined;
        const [next] = await this.#read(after.position);
        return next?.id === id ? firstSentAt : undefined;
      } catch (error) {
        // A retry cannot append the batch twice, because both requests name the same predecessor.
        isUnknown = true;
        if (this.#isClosed || this.#runtime.now() >= until) throw error;
        await sleep(this.#runtime, retryDelayMs, false);
      }
    }
  }

  async #read(position: number): Promise<readonly LogBatch[]> {
    const batches = await this.#log.readAfter(position);
    return batches === 'compacted' ? [] : batches;
  }

  /** Applies the next batches. Returns false when there are none, or when they cannot be applied. */
  async #replayNext(): Promise<boolean> {
    const batches = await this.#log.readAfter(this.#point.position);
    if (batches === 'compacted') return false;
    const { position } = this.#point;
    for (const batch of batches) if (!this.#replay(batch)) return false;
    return this.#point.position > position;
  }

  /** Returns false when the batch is not the successor of the last applied batch. */
  #replay(batch: LogBatch): boolean {
    const decoded = decodeBatch(batch.content, this.#runtime.now());
    if (decoded.previous !== this.#point.id) return false;
    this.#advance(batch, decoded.changes, decoded.revision, batch.content.length);
    this.#foreignAt = this.#runtime.now();
    this.#isTurnTaken = false;
    this.#observer?.onBatch(decoded);
    return true;
  }

  /** Returns false when the log has a different history. In this case, the state was replaced by that of the log. */
  async #replayTo(head: LogPoint): Promise<boolean> {
    if (head.position < this.#point.position) return this.#reload(true);
    while (this.#point.position < head.position) {
      const batches = await this.#log.readAfter(this.#point.position);
      if (batches === 'compacted') return this.#reload(false);
      if (batches.length === 0) return this.#reload(true);
      for (const batch of batches) if (!this.#replay(batch)) return this.#reload(true);
    }
    if (this.#point.position === head.position && this.#point.id !== head.id) return this.#reload(true);
    return true;
  }

  #advance(point: LogPoint, changes: readonly StateChange[], revision: number, length: number): void {
    this.#point = { position: point.position, id: point.id };
    this.#records.apply(changes, revision);
    this.#sinceSnapshot.batches += 1;
    this.#sinceSnapshot.length += length;
    const { batches, length: total } = this.#sinceSnapshot;
    const isDue =
      batches >= snapshotBatches * this.#snapshotFactor || total >= snapshotLength * this.#snapshotFactor;
    if (isDue && this.#saving === undefined && !this.#isClosed)
      this.#saving = this.#saveSnapshot().finally(() => (this.#saving = undefined));
  }

  /** Never rejects, because a failed snapshot does no harm: the log stays longer until the next one. */
  async #saveSnapshot(): Promise<void> {
    this.#sinceSnapshot = { batches: 0, length: 0 };
    const point = this.#point;
    const parts = this.#records.snapshot();
    try {
      const latest = await this.#log.readSnapshot();
      // Another server may have saved a snapshot since the last check, so that this server need not save one.
      const isSaved = latest !== undefined && latest.position > this.#snapshotPosition;
      this.#snapshotPosition = latest?.position ?? 0;
      if (isSaved) return;
      await this.#log.saveSnapshot(point, parts, Math.max(0, point.position - keptBatches));
      this.#snapshotPosition = point.position;
    } catch {
      // The next batches make a snapshot due again.
    }
  }

  /** Returns whether the log has the same history as the state. */
  async #reload(isOther: boolean): Promise<boolean> {
    const { records, point, revision } = await this.#loadLatest();
    const changes = recordDifference(this.#records.map, records.map);
    this.#records = records;
    this.#point = point;
    if (isOther) this.#freshness.revoke();
    this.#observer?.onReplaced(changes, revision, isOther);
    return !isOther;
  }

  async #loadLatest(): Promise<{ records: LogRecords; point: LogPoint; revision: number }> {
    for (let attempt = 1; attempt <= maxLoads; attempt++) {
      const snapshot = await this.#log.readSnapshot();
      const records = new LogRecords();
      let point: LogPoint = emptyLog;
      if (snapshot !== undefined) {
        for await (const part of snapshot.parts) records.addPart(part);
        point = { position: snapshot.position, id: snapshot.id };
        this.#snapshotPosition = snapshot.position;
      }
      const loaded = await this.#loadBatches(records, point);
      if (loaded !== undefined) return { records, point: loaded, revision: records.revision };
    }
    throw new ClerkError(
      'REGISTRY_UNREACHABLE',
      `This server reads ${this.#log.subject} too slowly: other servers removed old changes before this server had read them, ${maxLoads} times in a row; check the network to the database, and retry`,
    );
  }

  /** Returns undefined when the log has dropped batches that were not read yet. */
  async #loadBatches(records: LogRecords, from: LogPoint): Promise<LogPoint | undefined> {
    let point = from;
    for (;;) {
      const batches = await this.#log.readAfter(point.position);
      if (batches === 'compacted') return undefined;
      if (batches.length === 0) return point;
      for (const batch of batches) {
        const { changes, revision } = decodeBatch(batch.content, this.#runtime.now());
        records.apply(changes, revision);
        point = { position: batch.position, id: batch.id };
      }
    }
  }
}

/** Maximum number of attempts to load the log, each with a newer snapshot. */
const maxLoads = 5;
