import { ClerkError } from '../../../core/errors.js';
import type { LogBatch, LogPoint, LogSession, LogSnapshot, SharedLog } from '../../shared-log.js';
import { bulkCall, type StoreCallOptions } from '../store-failover.js';
import { HintStream } from '../hint-stream.js';
import { packText, unpackText } from '../packed-text.js';
import type { PostgresTarget } from '../store-url.js';
import { PostgresConnections, type Lane, type PostgresRuntime } from './postgres-connections.js';
import { listenForBatches } from './postgres-listener.js';
import { prepareSchema } from './postgres-schema.js';
import { PostgresSessions } from './postgres-sessions.js';
import { PostgresSnapshots } from './postgres-snapshots.js';
import { pgModule, type PgModule, type PgRow } from './pg-module.js';

const batchesPerRead = 256;
/** Maximum total size of the batches in one read, in bytes. A single larger batch is read alone. */
const maxReadBytes = 1024 * 1024;
/** A batch with more bytes gets a longer timeout per host. */
const maxFastBytes = 64 * 1024;
const maxContentBytes = 16 * 1024 * 1024;

export interface PostgresLogRuntime extends Omit<PostgresRuntime, 'pg'> {
  /** Returns random bytes in hexadecimal. */
  readonly randomHex: (bytes: number) => string;
  /** Replaces the package `pg`, for tests. */
  readonly pg?: () => PgModule;
}

/**
 * Returns a shared log in Postgres. Each batch is a row. The only row of the table `head` contains the position and
 * the identifier of the last batch. An append updates this row, whose lock serializes the writers.
 */
export function postgresLog(target: PostgresTarget, runtime: PostgresLogRuntime): SharedLog {
  return new PostgresLog(target, runtime);
}

class PostgresLog implements SharedLog {
  readonly subject: string;
  readonly #schema: string;
  readonly #connections: PostgresConnections;
  readonly #snapshots: PostgresSnapshots;
  readonly #sessions: PostgresSessions;
  readonly #hints: HintStream;

  constructor(target: PostgresTarget, { clock, tls, pg = pgModule, randomHex }: PostgresLogRuntime) {
    this.subject = target.label;
    this.#schema = target.schema;
    this.#connections = new PostgresConnections(target, { clock, pg, tls });
    this.#snapshots = new PostgresSnapshots(this.#connections, () => randomHex(8));
    this.#sessions = new PostgresSessions(this.#connections, clock);
    this.#hints = new HintStream(clock, (events) => listenForBatches(this.#connections, events));
  }

  async open(): Promise<void> {
    const { place } = this.#connections;
    await this.#connections.withConnection((connection) => prepareSchema(connection, place));
    this.#hints.start();
  }

  readSnapshot(): Promise<LogSnapshot | undefined> {
    return this.#snapshots.read();
  }

  async readAfter(position: number): Promise<readonly LogBatch[] | 'compacted'> {
    const rows = await this.#query(
      'read',
      `SELECT h.position AS head, b.position, b.id, b.content
       FROM ${this.#schema}.head h LEFT JOIN (
         SELECT position, id, content, sum(octet_length(content)) OVER (ORDER BY position) AS bytes
         FROM ${this.#schema}.batches WHERE position > $1 ORDER BY position LIMIT ${String(batchesPerRead)}
       ) b ON b.bytes <= ${String(maxReadBytes)} OR b.position = $1 + 1
       ORDER BY b.position`,
      [position],
      bulkCall,
    );
    const head = this.#positionOf(rows[0], 'head');
    if (head <= position) return [];
    if (Number(rows[0]?.['position'] ?? 0) !== position + 1) return 'compacted';
    return Promise.all(
      rows.map(async (row) => ({
        position: Number(row['position']),
        id: String(row['id']),
        content: await unpackText(row['content'] as Buffer),
      })),
    );
  }

  async head(): Promise<LogPoint> {
    const [row] = await this.#query('read', `SELECT position, id FROM ${this.#schema}.head`, []);
    return { position: this.#positionOf(row, 'position'), id: String(row?.['id']) };
  }

  async append(after: LogPoint, id: string, content: string): Promise<'appended' | 'conflict'> {
    if (Buffer.byteLength(content) > maxContentBytes)
      throw new ClerkError(
        'LIMIT_EXCEEDED',
        `A change in the store ${this.subject} must have at most ${String(maxContentBytes)} bytes; split it into smaller changes`,
      );
    const bytes = await packText(content);
    const position = after.position + 1;
    const call = { isRepeated: false };
    const appended = await this.#query(
      'append',
      `WITH moved AS (
         UPDATE ${this.#schema}.head SET position = $1, id = $2 WHERE position = $3 AND id = $4 RETURNING position
       ), added AS (
         INSERT INTO ${this.#schema}.batches (position, id, content)
         SELECT position, $2, $5::bytea FROM moved RETURNING position
       )
       SELECT pg_notify($6, position::text) FROM added`,
      [position, id, after.position, after.id, bytes, this.#schema],
      { ...(bytes.length > maxFastBytes && bulkCall), onRepeat: () => (call.isRepeated = true) },
    );
    if (appended.length > 0) return 'appended';
    if (!call.isRepeated) return 'conflict';
    // An earlier attempt, whose response was lost, may have appended the batch.
    const [row] = await this.#query(
      'append',
      `SELECT h.position AS head, b.id FROM ${this.#schema}.head h
       LEFT JOIN ${this.#schema}.batches b ON b.position = $1`,
      [position],
    );
    const found = row?.['id'];
    if (typeof found === 'string') return found === id ? 'appended' : 'conflict';
    if (this.#positionOf(row, 'head') < position) return 'conflict';
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
    const end = Math.min(point.position, dropUpTo);
    await this.#query(
      'snapshot',
      `DELETE FROM ${this.#schema}.batches WHERE position <= $1`,
      [end],
      bulkCall,
    );
  }

  openSession(id: string, ttlMs: number): Promise<LogSession> {
    return this.#sessions.open(id, ttlMs);
  }

  sessions(): Promise<ReadonlySet<string>> {
    return this.#sessions.list();
  }

  async close(): Promise<void> {
    this.#hints.close();
    await this.#connections.close();
  }

  #positionOf(row: PgRow | undefined, column: 'head' | 'position'): number {
    if (row === undefined)
      throw new ClerkError(
        'REGISTRY_INVALID',
        `The store ${this.subject} has an empty table ${this.#schema}.head; restore the database from a backup`,
      );
    const position = Number(row[column]);
    this.#hints.expect(position);
    return position;
  }

  #query(
    lane: Lane,
    text: string,
    values: readonly unknown[],
    options?: StoreCallOptions,
  ): Promise<readonly PgRow[]> {
    return this.#connections.query(lane, text, values, options);
  }
}
