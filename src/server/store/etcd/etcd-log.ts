import type { StoreHttp } from '../../../core/store-http.js';
import { ClerkError } from '../../../core/errors.js';
import type { LogBatch, LogPoint, LogSession, LogSnapshot, SharedLog } from '../../shared-log.js';
import { bulkCall, type StoreClock } from '../store-failover.js';
import { HintStream } from '../hint-stream.js';
import type { EtcdTarget } from '../store-url.js';
import { packText, unpackText } from '../packed-text.js';
import { decodeBatch, encodeBatch, maxValueBytes, splitBytes } from './etcd-batch.js';
import { EtcdGateway } from './etcd-gateway.js';
import { decodePoint, encodePoint } from './etcd-head.js';
import { EtcdKeys } from './etcd-keys.js';
import {
  bytesOf,
  deleteOf,
  firstOf,
  keyOf,
  putOf,
  rangeOf,
  textOf,
  valueIs,
  type EtcdKeyValue,
  type RangeResponse,
  type TxnResponse,
} from './etcd-messages.js';
import { claimPrefix } from './etcd-place.js';
import { EtcdSnapshots } from './etcd-snapshots.js';
import { etcdSessions, openEtcdSession } from './etcd-session.js';
import { watchHead } from './etcd-watch.js';

/** Maximum number of batches in one response; each value has at most 1 MiB. */
const batchesPerRead = 32;
/** A batch with more bytes gets a longer timeout per member. */
const maxFastBytes = 64 * 1024;
const maxContentBytes = 16 * 1024 * 1024;

export interface EtcdLogRuntime {
  readonly clock: StoreClock;
  readonly http: StoreHttp;
  /** Returns random bytes in hexadecimal. */
  readonly randomHex: (bytes: number) => string;
}

/**
 * Returns a shared log in etcd. Each batch is one key. The key `head` contains the position and the identifier of the
 * last batch.
 */
export function etcdLog(target: EtcdTarget, runtime: EtcdLogRuntime): SharedLog {
  return new EtcdLog(target, runtime);
}

class EtcdLog implements SharedLog {
  readonly subject: string;
  readonly #gateway: EtcdGateway;
  readonly #keys: EtcdKeys;
  readonly #snapshots: EtcdSnapshots;
  readonly #hints: HintStream;

  constructor(target: EtcdTarget, { clock, http, randomHex }: EtcdLogRuntime) {
    this.subject = target.label;
    this.#gateway = new EtcdGateway(target, clock, http);
    this.#keys = new EtcdKeys(target.prefix);
    this.#snapshots = new EtcdSnapshots(this.#gateway, this.#keys, () => randomHex(8));
    this.#hints = new HintStream(clock, (events) => watchHead(this.#gateway, this.#keys.head, events));
  }

  async open(): Promise<void> {
    await this.#gateway.connect();
    await claimPrefix(this.#gateway, this.#keys);
    this.#hints.start();
  }

  readSnapshot(): Promise<LogSnapshot | undefined> {
    return this.#snapshots.read();
  }

  async readAfter(position: number): Promise<readonly LogBatch[] | 'compacted'> {
    const first = position + 1;
    const range = rangeOf(this.#keys.batch(first), { end: this.#keys.batch(first + batchesPerRead) });
    const response = (await this.#gateway.call(
      '/kv/txn',
      { success: [{ request_range: rangeOf(this.#keys.head) }, { request_range: range }] },
      bulkCall,
    )) as TxnResponse;
    const head = this.#headOf(firstOf(response, 0));
    const pairs = response.responses?.[1]?.response_range?.kvs ?? [];
    if (head.position < first) return [];
    if (pairs.length === 0 || keyOf(pairs[0] as EtcdKeyValue) !== this.#keys.batch(first)) return 'compacted';
    const batches: LogBatch[] = [];
    for (const [i, pair] of pairs.entries()) {
      if (keyOf(pair) !== this.#keys.batch(first + i)) throw this.#damagedError(first + i);
      const batch = await this.#toBatch(first + i, pair);
      // The parts of the batch were removed after its key was read, so the batch is compacted.
      if (batch === undefined) return batches.length === 0 ? 'compacted' : batches;
      batches.push(batch);
    }
    return batches;
  }

  async head(): Promise<LogPoint> {
    const { kvs } = (await this.#gateway.call('/kv/range', rangeOf(this.#keys.head), {
      attemptTimeoutMs: 1_000,
    })) as RangeResponse;
    return this.#headOf(kvs?.[0]);
  }

  async append(after: LogPoint, id: string, content: string): Promise<'appended' | 'conflict'> {
    const position = after.position + 1;
    const value = await this.#writeBatch(position, id, content);
    const point: LogPoint = { position, id };
    const call = { isRepeated: false };
    const response = (await this.#gateway.call(
      '/kv/txn',
      {
        compare: [valueIs(this.#keys.head, encodePoint(after))],
        success: [
          { request_put: putOf(this.#keys.head, encodePoint(point)) },
          { request_put: putOf(this.#keys.batch(position), value) },
        ],
        failure: [
          { request_range: rangeOf(this.#keys.head) },
          { request_range: rangeOf(this.#keys.batch(position)) },
        ],
      },
      { ...(value.length > maxFastBytes && bulkCall), onRepeat: () => (call.isRepeated = true) },
    )) as TxnResponse;
    if (response.succeeded === true) return 'appended';
    if (!call.isRepeated) return 'conflict';
    // An earlier attempt, whose response was lost, may have appended the batch.
    const head = this.#headOf(firstOf(response, 0));
    const found = firstOf(response, 1);
    if (found !== undefined) return decodeBatch(bytesOf(found))?.id === id ? 'appended' : 'conflict';
    if (head.position < position) return 'conflict';
    throw new ClerkError(
      'REGISTRY_UNREACHABLE',
      `The connection to the store ${this.subject} was interrupted during a change, and the change may have been made; read the names again before a retry`,
      { execution: 'unknown' },
    );
  }

  onHint(listener: () => void): () => void {
    return this.#hints.add(listener);
  }

  async saveSnapshot(point: LogPoint, parts: Iterable<string>, dropUpTo: number): Promise<void> {
    await this.#snapshots.save(point, parts);
    const end = Math.min(point.position, dropUpTo) + 1;
    for (const [from, to] of [
      [this.#keys.batch(0), this.#keys.batch(end)],
      [this.#keys.batchParts(0), this.#keys.batchParts(end)],
    ] as const)
      await this.#gateway.call('/kv/deleterange', deleteOf(from, to), bulkCall);
  }

  openSession(id: string, ttlMs: number): Promise<LogSession> {
    return openEtcdSession(this.#gateway, this.#keys, id, ttlMs);
  }

  sessions(): Promise<ReadonlySet<string>> {
    return etcdSessions(this.#gateway, this.#keys);
  }

  async close(): Promise<void> {
    this.#hints.close();
    await this.#gateway.close();
  }

  /** Writes the parts of a large batch, and returns the value of its key. */
  async #writeBatch(position: number, id: string, content: string): Promise<Buffer> {
    if (Buffer.byteLength(content) > maxContentBytes)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `A change in the store ${this.subject} must have at most ${String(maxContentBytes)} bytes; split it into smaller changes`,
      );
    const bytes = await packText(content);
    if (bytes.length <= maxValueBytes) return encodeBatch({ id, parts: 0 }, bytes);
    let parts = 0;
    for (const part of splitBytes(bytes, maxValueBytes))
      await this.#gateway.call('/kv/put', putOf(this.#keys.batchPart(position, id, parts++), part), bulkCall);
    return encodeBatch({ id, parts }, undefined);
  }

  async #toBatch(position: number, pair: EtcdKeyValue): Promise<LogBatch | undefined> {
    const batch = decodeBatch(bytesOf(pair));
    if (batch === undefined) throw this.#damagedError(position);
    const { id, parts } = batch;
    const pieces = [batch.content];
    for (let part = 0; part < parts; part++) {
      const { kvs } = (await this.#gateway.call(
        '/kv/range',
        rangeOf(this.#keys.batchPart(position, id, part)),
        bulkCall,
      )) as RangeResponse;
      if (kvs?.[0] === undefined) return undefined;
      pieces.push(bytesOf(kvs[0]));
    }
    return { position, id, content: await unpackText(Buffer.concat(pieces)) };
  }

  #headOf(pair: EtcdKeyValue | undefined): LogPoint {
    const point = pair && decodePoint(textOf(pair));
    if (point === undefined)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The store ${this.subject} has lost the key ${this.#keys.head}. Restore etcd from a backup. Without a backup, restarted servers begin with no names and no rights`,
      );
    this.#hints.expect(point.position);
    return point;
  }

  #damagedError(position: number): ClerkError {
    return new ClerkError(
      'REGISTRY_INVALID',
      `The store ${this.subject} has a damaged key ${this.#keys.batch(position)}; restore etcd from a backup`,
    );
  }
}
