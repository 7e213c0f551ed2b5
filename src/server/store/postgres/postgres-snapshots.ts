import { ClerkError } from '../../../core/errors.js';
import type { LogPoint, LogSnapshot } from '../../shared-log.js';
import { bulkCall } from '../store-failover.js';
import { packText, unpackText } from '../packed-text.js';
import type { PostgresConnections } from './postgres-connections.js';
import type { PgRow } from './pg-module.js';

/** Number of parts per statement. A part has at most 256 KiB. */
const partsPerStatement = 4;

/** Reads and writes the snapshot of a log. A snapshot consists of a row that describes it, and one row per part. */
export class PostgresSnapshots {
  readonly #connections: PostgresConnections;
  readonly #schema: string;
  readonly #randomId: () => string;

  /** @param randomId - returns a new identifier at each call */
  constructor(connections: PostgresConnections, randomId: () => string) {
    this.#connections = connections;
    this.#schema = connections.place.schema;
    this.#randomId = randomId;
  }

  async read(): Promise<LogSnapshot | undefined> {
    const row = await this.#present();
    if (row === undefined) return undefined;
    return { position: Number(row['position']), id: String(row['id']), parts: this.#parts(row) };
  }

  /**
   * Saves a snapshot. Writes the parts before the row that describes them, so that readers never see an incomplete
   * snapshot.
   */
  async save({ position, id }: LogPoint, parts: Iterable<string>): Promise<void> {
    const present = await this.#present();
    if (present !== undefined && Number(present['position']) >= position) return;
    const writer = this.#randomId();
    const count = await this.#writeParts(position, writer, parts);
    const saved = await this.#query(
      `INSERT INTO ${this.#schema}.snapshot AS s (position, id, writer, parts) VALUES ($1, $2, $3, $4)
       ON CONFLICT (one) DO UPDATE SET position = $1, id = $2, writer = $3, parts = $4
         WHERE s.position < $1 OR s.writer = $3
       RETURNING 1 AS saved`,
      [position, id, writer, count],
    );
    // The parts of the previous snapshot stay, because other servers may be reading them.
    if (saved.length > 0)
      await this.#query(`DELETE FROM ${this.#schema}.snapshot_parts WHERE position < $1`, [
        present?.['position'] ?? 0,
      ]);
    else
      await this.#query(`DELETE FROM ${this.#schema}.snapshot_parts WHERE position = $1 AND writer = $2`, [
        position,
        writer,
      ]);
  }

  async #writeParts(position: number, writer: string, parts: Iterable<string>): Promise<number> {
    let count = 0;
    let contents: Buffer[] = [];
    const flush = async (): Promise<void> => {
      if (contents.length === 0) return;
      const first = count - contents.length;
      await this.#query(
        `INSERT INTO ${this.#schema}.snapshot_parts (position, writer, part, content)
         SELECT $1, $2, part, content FROM unnest($3::integer[], $4::bytea[]) AS given (part, content)
         ON CONFLICT DO NOTHING`,
        [position, writer, contents.map((_, i) => first + i), contents],
      );
      contents = [];
    };
    for (const part of parts) {
      contents.push(await packText(part));
      count++;
      if (contents.length === partsPerStatement) await flush();
    }
    await flush();
    return count;
  }

  async *#parts({ position, writer, parts }: PgRow): AsyncGenerator<string> {
    for (let part = 0; part < Number(parts);) {
      const rows = await this.#query(
        `SELECT content FROM ${this.#schema}.snapshot_parts
         WHERE position = $1 AND writer = $2 AND part >= $3 ORDER BY part LIMIT ${String(partsPerStatement)}`,
        [position, writer, part],
      );
      if (rows.length === 0)
        throw new ClerkError(
          'REGISTRY_UNREACHABLE',
          `${this.#connections.place.subject} has replaced the snapshot while this server was reading it; retry later`,
        );
      for (const { content } of rows) yield await unpackText(content as Buffer);
      part += rows.length;
    }
  }

  async #present(): Promise<PgRow | undefined> {
    const [row] = await this.#query(`SELECT position, id, writer, parts FROM ${this.#schema}.snapshot`, []);
    return row;
  }

  #query(text: string, values: readonly unknown[]): Promise<readonly PgRow[]> {
    return this.#connections.query('snapshot', text, values, bulkCall);
  }
}
