import { ClerkError } from '../../../core/errors.js';
import type { LogSession } from '../../shared-log.js';
import type { StoreClock } from '../store-failover.js';
import type { PostgresConnections } from './postgres-connections.js';
import type { PgRow } from './pg-module.js';

interface SeenSession {
  readonly renewals: string;
  /** When this server first read this number of renewals, on its monotonic clock. */
  readonly since: number;
}

/**
 * Sessions as rows with a counter of renewals. A server ends a session of another server if the counter has not
 * changed for the TTL of the session. It measures this time with its own monotonic clock, because the clock of
 * Postgres may jump.
 */
export class PostgresSessions {
  readonly #connections: PostgresConnections;
  readonly #clock: StoreClock;
  readonly #table: string;
  #seen = new Map<string, SeenSession>();

  constructor(connections: PostgresConnections, clock: StoreClock) {
    this.#connections = connections;
    this.#clock = clock;
    this.#table = `${connections.place.schema}.sessions`;
  }

  async open(id: string, ttlMs: number): Promise<LogSession> {
    const call = { isRepeated: false };
    const rows = await this.#query(
      `INSERT INTO ${this.#table} (id, ttl_ms) VALUES ($1, $2) ON CONFLICT DO NOTHING RETURNING id`,
      [id, Math.ceil(ttlMs)],
      () => (call.isRepeated = true),
    );
    if (rows.length === 0 && !call.isRepeated)
      throw new ClerkError(
        'CONFIG_INVALID',
        `${this.#connections.place.subject} already has a session '${id}'; start the server again`,
      );
    return {
      renew: async () => {
        const renewed = await this.#query(
          `UPDATE ${this.#table} SET renewals = renewals + 1 WHERE id = $1 RETURNING id`,
          [id],
        );
        return renewed.length > 0;
      },
      close: async () => {
        await this.#query(`DELETE FROM ${this.#table} WHERE id = $1`, [id]);
      },
    };
  }

  async list(): Promise<ReadonlySet<string>> {
    const startedAt = this.#clock.now();
    const rows = await this.#query(`SELECT id, ttl_ms, renewals FROM ${this.#table}`, []);
    const readAt = this.#clock.now();
    const ids = new Set<string>();
    const seen = new Map<string, SeenSession>();
    for (const { id, ttl_ms: ttlMs, renewals } of rows as readonly (PgRow & {
      id: string;
      renewals: string;
    })[]) {
      const known = this.#seen.get(id);
      const entry = known?.renewals === renewals ? known : { renewals, since: readAt };
      const isOver = startedAt - entry.since >= Number(ttlMs) && (await this.#end(id, renewals));
      if (isOver) continue;
      ids.add(id);
      seen.set(id, entry);
    }
    this.#seen = seen;
    return ids;
  }

  /** Ends a session; returns false if the session was renewed in between. */
  async #end(id: string, renewals: string): Promise<boolean> {
    await this.#query(`DELETE FROM ${this.#table} WHERE id = $1 AND renewals = $2`, [id, renewals]);
    const [row] = await this.#query(`SELECT 1 AS found FROM ${this.#table} WHERE id = $1`, [id]);
    return row === undefined;
  }

  #query(text: string, values: readonly unknown[], onRepeat?: () => void): Promise<readonly PgRow[]> {
    return this.#connections.query('session', text, values, onRepeat === undefined ? {} : { onRepeat });
  }
}
