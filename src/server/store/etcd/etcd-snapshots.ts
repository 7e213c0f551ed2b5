import { ClerkError } from '../../../core/errors.js';
import type { LogPoint, LogSnapshot } from '../../shared-log.js';
import { bulkCall } from '../store-failover.js';
import { packText, unpackText } from '../packed-text.js';
import { EtcdError } from './etcd-error.js';
import type { EtcdGateway } from './etcd-gateway.js';
import type { EtcdKeys } from './etcd-keys.js';
import {
  bytesOf,
  deleteOf,
  firstOf,
  isAbsent,
  prefixEnd,
  putOf,
  rangeOf,
  textOf,
  valueIs,
  type RangeResponse,
  type TxnResponse,
} from './etcd-messages.js';

/** Maximum size of the values of one request, in bytes. The limits of etcd are 1.5 MiB and 128 operations. */
const maxRequestBytes = 512 * 1024;
const maxRequestParts = 64;
/** Number of parts per response. A part has at most 256 KiB before compression. */
const partsPerRead = 8;

/** The value of the key `snapshot`, which describes a snapshot. */
interface SnapshotRecord extends LogPoint {
  readonly writer: string;
  readonly parts: number;
}

/** Reads and writes the snapshot of a log. A snapshot consists of a key that describes it, and one key per part. */
export class EtcdSnapshots {
  readonly #gateway: EtcdGateway;
  readonly #keys: EtcdKeys;
  readonly #randomId: () => string;

  /** @param randomId - returns a new identifier at each call */
  constructor(gateway: EtcdGateway, keys: EtcdKeys, randomId: () => string) {
    this.#gateway = gateway;
    this.#keys = keys;
    this.#randomId = randomId;
  }

  async read(): Promise<LogSnapshot | undefined> {
    const { header, kvs } = await this.#range(this.#keys.snapshot);
    const pair = kvs?.[0];
    if (pair === undefined) return undefined;
    const record = this.#recordOf(textOf(pair));
    return {
      position: record.position,
      id: record.id,
      parts: this.#parts(record, header?.revision),
    };
  }

  /**
   * Saves a snapshot. Writes the parts before the key that describes them, so that readers never see an incomplete
   * snapshot.
   */
  async save(point: LogPoint, parts: Iterable<string>): Promise<void> {
    const present = await this.#present();
    if (present !== undefined && present.record.position >= point.position) return;
    const writer = this.#randomId();
    const record: SnapshotRecord = {
      ...point,
      writer,
      parts: await this.#writeParts(point.position, writer, parts),
    };
    const isSaved = await this.#describe(record);
    const { position } = record;
    // Removes the parts of older snapshots. If another server has saved a newer snapshot first, removes the parts of
    // this one.
    if (isSaved) await this.#remove(this.#keys.snapshotParts(0), this.#keys.snapshotParts(position));
    else {
      const own = this.#keys.snapshotPart(position, writer, 0);
      await this.#remove(own, prefixEnd(own.slice(0, own.lastIndexOf('/') + 1)));
    }
  }

  async #writeParts(position: number, writer: string, parts: Iterable<string>): Promise<number> {
    let count = 0;
    let puts: object[] = [];
    let bytes = 0;
    const flush = async (): Promise<void> => {
      if (puts.length > 0) await this.#gateway.call('/kv/txn', { success: puts }, bulkCall);
      puts = [];
      bytes = 0;
    };
    for (const part of parts) {
      const value = await packText(part);
      if (puts.length === maxRequestParts || bytes + value.length > maxRequestBytes) await flush();
      puts.push({ request_put: putOf(this.#keys.snapshotPart(position, writer, count++), value) });
      bytes += value.length;
    }
    await flush();
    return count;
  }

  /**
   * Writes the key that describes the snapshot. Returns false if there is another snapshot of the same or a later
   * position.
   */
  async #describe(record: SnapshotRecord): Promise<boolean> {
    const text = JSON.stringify(record);
    for (;;) {
      const present = await this.#present();
      if (present?.text === text) return true;
      if (present !== undefined && present.record.position >= record.position) return false;
      const response = (await this.#gateway.call('/kv/txn', {
        compare: [
          present === undefined ? isAbsent(this.#keys.snapshot) : valueIs(this.#keys.snapshot, present.text),
        ],
        success: [{ request_put: putOf(this.#keys.snapshot, text) }],
        failure: [{ request_range: rangeOf(this.#keys.snapshot) }],
      })) as TxnResponse;
      const found = firstOf(response, 0);
      if (response.succeeded === true || (found !== undefined && textOf(found) === text)) return true;
    }
  }

  async #present(): Promise<{ readonly text: string; readonly record: SnapshotRecord } | undefined> {
    const [pair] = (await this.#range(this.#keys.snapshot)).kvs ?? [];
    if (pair === undefined) return undefined;
    const text = textOf(pair);
    return { text, record: this.#recordOf(text) };
  }

  /**
   * Yields the parts. Reads the parts at the etcd revision at which their description was read. At this revision, the
   * parts exist even if a newer snapshot has replaced them.
   */
  async *#parts(
    { position, writer, parts }: SnapshotRecord,
    revision: string | undefined,
  ): AsyncGenerator<string> {
    for (let at = 0; at < parts;) {
      const key = (part: number): string => this.#keys.snapshotPart(position, writer, part);
      let found: RangeResponse;
      try {
        found = await this.#range(key(at), {
          end: key(Math.min(at + partsPerRead, parts)),
          ...(revision !== undefined && { revision }),
        });
      } catch (error) {
        if (error instanceof EtcdError && error.kind === 'compacted') throw this.#replacedError(error);
        throw error;
      }
      const pairs = found.kvs ?? [];
      if (pairs.length === 0) throw this.#replacedError();
      for (const pair of pairs) yield await unpackText(bytesOf(pair));
      at += pairs.length;
    }
  }

  #replacedError(cause?: unknown): ClerkError {
    return new ClerkError(
      'REGISTRY_UNREACHABLE',
      `${this.#gateway.subject} has replaced the snapshot while this server was reading it; retry later`,
      { cause },
    );
  }

  #recordOf(text: string): SnapshotRecord {
    try {
      const record = JSON.parse(text) as SnapshotRecord;
      if (Number.isSafeInteger(record.position) && Number.isSafeInteger(record.parts)) return record;
    } catch {
      // The error below names the key.
    }
    throw new ClerkError(
      'REGISTRY_INVALID',
      `${this.#gateway.subject} has a damaged key ${this.#keys.snapshot}; restore etcd from a backup`,
    );
  }

  async #remove(from: string, end: string): Promise<void> {
    await this.#gateway.call('/kv/deleterange', deleteOf(from, end), bulkCall);
  }

  async #range(key: string, options: Parameters<typeof rangeOf>[1] = {}): Promise<RangeResponse> {
    return (await this.#gateway.call('/kv/range', rangeOf(key, options), bulkCall)) as RangeResponse;
  }
}
