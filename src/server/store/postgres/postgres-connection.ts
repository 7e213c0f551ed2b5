import { withTimeout } from '../../../core/clock.js';
import { ClerkError } from '../../../core/errors.js';
import type { StoreClock } from '../store-failover.js';
import { PostgresFailure, toPostgresError, type PostgresPlace } from './postgres-error.js';
import type { PgClient, PgClientConfig, PgModule, PgRow } from './pg-module.js';

const connectTimeoutMs = 2_000;
/** Time after which Postgres cancels a statement, in ms. The timeouts of this client are shorter or equal. */
const statementTimeoutMs = 4_000;
const minVersion = 140_000;

/**
 * Settings and checks of each connection. A standby is rejected after this statement, because its data may be old.
 * `synchronous_commit` is at least `on`, because a commit must survive a crash.
 */
const setup = `SELECT pg_is_in_recovery() AS standby,
  current_setting('server_version_num')::int AS version,
  set_config('statement_timeout', $1, false),
  set_config('idle_in_transaction_session_timeout', $1, false),
  set_config('default_transaction_isolation', 'read committed', false),
  set_config('default_transaction_read_only', 'off', false),
  set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
    ELSE current_setting('synchronous_commit') END, false)`;

export interface PostgresConnectionOptions {
  readonly pg: () => PgModule;
  readonly clock: StoreClock;
  readonly config: Omit<PgClientConfig, 'connectionTimeoutMillis' | 'keepAlive' | 'application_name'>;
  readonly place: PostgresPlace;
}

/** A connection to a Postgres host. Closes itself after a connection error or a timeout. */
export class PostgresConnection {
  readonly #client: PgClient;
  readonly #options: PostgresConnectionOptions;
  readonly #onEnd = new Set<() => void>();
  #isEnded = false;

  private constructor(client: PgClient, options: PostgresConnectionOptions) {
    this.#client = client;
    this.#options = options;
    // Without a listener, an error event would end the process.
    client.on('error', () => this.destroy());
    client.on('end', () => this.destroy());
  }

  /**
   * @throws {@link PostgresFailure} when the host is a standby, or cannot be reached
   * @throws {@link ClerkError} the errors of `toPostgresError`, and `CONFIG_INVALID` when the version is not
   *   supported
   */
  static async open(options: PostgresConnectionOptions, timeoutMs: number): Promise<PostgresConnection> {
    const { pg, config, place } = options;
    const client = new (pg().Client)({
      ...config,
      connectionTimeoutMillis: Math.min(connectTimeoutMs, timeoutMs),
      keepAlive: true,
      application_name: 'binding-clerk',
    });
    const connection = new PostgresConnection(client, options);
    try {
      await client.connect();
    } catch (error) {
      connection.destroy();
      throw toPostgresError(error, place, false);
    }
    const [found] = await connection.query(setup, [String(statementTimeoutMs)], timeoutMs);
    const { standby, version } = found as { standby: boolean; version: number };
    if (version < minVersion) {
      connection.destroy();
      throw new ClerkError(
        'CONFIG_INVALID',
        `${place.subject} must be Postgres 14 or later; got version ${String(Math.floor(version / 10_000))}; update Postgres`,
      );
    }
    if (standby) {
      connection.destroy();
      throw new PostgresFailure('the host is a standby, which rejects writes', true);
    }
    return connection;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  async query(text: string, values: readonly unknown[], timeoutMs: number): Promise<readonly PgRow[]> {
    if (this.#isEnded) throw new PostgresFailure('the connection has ended', true);
    const { clock, place } = this.#options;
    try {
      const { rows } = await withTimeout(
        clock,
        timeoutMs,
        this.#client.query({ text, values }),
        () => new PostgresFailure(`no response within ${String(Math.ceil(timeoutMs))} ms`, false),
      );
      return rows;
    } catch (error) {
      const failure = error instanceof PostgresFailure ? error : toPostgresError(error, place, true);
      // Close the connection. A late response would be taken for the response to the next statement.
      if (failure instanceof PostgresFailure) this.destroy();
      throw failure;
    }
  }

  onNotification(listener: (payload: string | undefined) => void): void {
    this.#client.on('notification', ({ payload }) => listener(payload));
  }

  /** Calls `listener` when the connection has ended. */
  onEnd(listener: () => void): void {
    if (this.#isEnded) listener();
    else this.#onEnd.add(listener);
  }

  /** Closes the connection at once, even if the host does not respond. */
  destroy(): void {
    if (this.#isEnded) return;
    this.#isEnded = true;
    // If the socket still works, this message ends the session at the server.
    this.#client.end().catch(() => undefined);
    this.#client.connection?.stream?.destroy();
    for (const listener of this.#onEnd) listener();
  }
}
