import { StoreFailover, type StoreCallOptions, type StoreClock } from '../store-failover.js';
import type { StoreTls } from '../../../core/store-http.js';
import type { PostgresTarget } from '../store-url.js';
import { PostgresConnection, type PostgresConnectionOptions } from './postgres-connection.js';
import { PostgresFailure, type PostgresPlace } from './postgres-error.js';
import type { PgModule, PgRow } from './pg-module.js';

/** Each lane has its own connection, so that slow statements of one lane do not delay the others. */
export type Lane = 'append' | 'read' | 'session' | 'snapshot';

export interface PostgresRuntime {
  readonly clock: StoreClock;
  readonly pg: () => PgModule;
  /** The contents of the certificate and key files in the store URL. */
  readonly tls?: StoreTls | undefined;
}

/** Sends statements to the primary among several hosts. */
export class PostgresConnections {
  readonly #target: PostgresTarget;
  readonly #runtime: PostgresRuntime;
  readonly #members: StoreFailover;
  readonly place: PostgresPlace;
  readonly #connections = new Set<PostgresConnection>();
  readonly #lanes = new Map<
    Lane,
    { readonly member: number; readonly connection: Promise<PostgresConnection> }
  >();

  constructor(target: PostgresTarget, runtime: PostgresRuntime) {
    this.#target = target;
    this.#runtime = runtime;
    this.place = { subject: `The store ${target.label}`, schema: target.schema, user: target.user };
    const names = target.hosts.map(({ host, port }) => `${host}:${String(port)}`);
    this.#members = new StoreFailover(names, runtime.clock, this.place.subject, (error) =>
      error instanceof PostgresFailure ? error : undefined,
    );
  }

  /**
   * Runs a statement, and resolves with its rows. A failed statement is retried, so it must be idempotent.
   *
   * @throws {@link ClerkError} the errors of `toPostgresError`, and `REGISTRY_UNREACHABLE` when no host has responded
   */
  query(
    lane: Lane,
    text: string,
    values: readonly unknown[] = [],
    options: StoreCallOptions = {},
  ): Promise<readonly PgRow[]> {
    return this.#members.call(options, async (member, timeoutMs) => {
      const connection = await this.#connectionOf(lane, member, timeoutMs);
      return connection.query(text, values, timeoutMs);
    });
  }

  /** Calls `use` with a new connection. After a failure, calls `use` again with a connection to another host. */
  withConnection<T>(use: (connection: PostgresConnection) => Promise<T>): Promise<T> {
    return this.#members.call({}, async (member, timeoutMs) => {
      const connection = await this.#connect(member, timeoutMs);
      try {
        return await use(connection);
      } finally {
        connection.destroy();
      }
    });
  }

  /** Opens a connection to the host that responded last. The caller must close it. */
  async connect(timeoutMs: number): Promise<PostgresConnection> {
    const member = this.#members.current;
    try {
      return await this.#connect(member, timeoutMs);
    } catch (error) {
      this.#members.leave(member);
      throw error;
    }
  }

  async close(): Promise<void> {
    this.#members.close();
    for (const connection of [...this.#connections]) connection.destroy();
  }

  async #connectionOf(lane: Lane, member: number, timeoutMs: number): Promise<PostgresConnection> {
    const present = this.#lanes.get(lane);
    if (present?.member === member) {
      const connection = await present.connection;
      if (!connection.isEnded) return connection;
    } else
      void present?.connection.then(
        (each) => each.destroy(),
        () => undefined,
      );
    if (this.#lanes.get(lane) !== present) return this.#connectionOf(lane, member, timeoutMs);
    const entry = { member, connection: this.#connect(member, timeoutMs) };
    this.#lanes.set(lane, entry);
    try {
      return await entry.connection;
    } catch (error) {
      if (this.#lanes.get(lane) === entry) this.#lanes.delete(lane);
      throw error;
    }
  }

  async #connect(member: number, timeoutMs: number): Promise<PostgresConnection> {
    this.#assertOpen();
    const { hosts, database, user, password, tls } = this.#target;
    const { host, port } = hosts[member] as PostgresTarget['hosts'][number];
    const { ca, cert, key } = this.#runtime.tls ?? {};
    const ssl: PostgresConnectionOptions['config']['ssl'] = tls !== undefined && {
      rejectUnauthorized: true,
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
      ...(!tls.verifiesHost && { checkServerIdentity: () => undefined }),
    };
    const { clock, pg } = this.#runtime;
    const connection = await PostgresConnection.open(
      { pg, clock, place: this.place, config: { host, port, database, user, password, ssl } },
      timeoutMs,
    );
    this.#connections.add(connection);
    connection.onEnd(() => this.#connections.delete(connection));
    this.#assertOpen(connection);
    return connection;
  }

  #assertOpen(connection?: PostgresConnection): void {
    if (!this.#members.isClosed) return;
    connection?.destroy();
    throw new PostgresFailure('the connections of the store are closed', true);
  }
}
