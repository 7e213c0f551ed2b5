import { ClerkError } from '../../../core/errors.js';
import type { PostgresConnection } from './postgres-connection.js';
import type { PostgresPlace } from './postgres-error.js';

const owner = 'binding-clerk';
const stepTimeoutMs = 4_000;

/**
 * The migrations of the schema, in order. A schema of an earlier release gets the missing ones. A released migration
 * must never be changed.
 */
const steps: readonly ((schema: string) => readonly string[])[] = [
  (schema) => [
    // Each append updates the single row of `head`. A low fillfactor leaves free space in the page of this row, which
    // makes updates cheap.
    `CREATE TABLE ${schema}.head (
      one boolean PRIMARY KEY DEFAULT true CHECK (one), position bigint NOT NULL, id text NOT NULL
    ) WITH (fillfactor = 10)`,
    `INSERT INTO ${schema}.head (position, id) VALUES (0, '')`,
    `CREATE TABLE ${schema}.batches (position bigint PRIMARY KEY, id text NOT NULL, content bytea NOT NULL)`,
    `CREATE TABLE ${schema}.snapshot (
      one boolean PRIMARY KEY DEFAULT true CHECK (one),
      position bigint NOT NULL, id text NOT NULL, writer text NOT NULL, parts integer NOT NULL
    )`,
    `CREATE TABLE ${schema}.snapshot_parts (
      position bigint NOT NULL, writer text NOT NULL, part integer NOT NULL, content bytea NOT NULL,
      PRIMARY KEY (position, writer, part)
    )`,
    `CREATE TABLE ${schema}.sessions (
      id text PRIMARY KEY, ttl_ms bigint NOT NULL, renewals bigint NOT NULL DEFAULT 0
    ) WITH (fillfactor = 50)`,
  ],
];

/**
 * Creates or upgrades the schema.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when another program uses the schema; `REGISTRY_INVALID` when a later
 *   release has upgraded the schema
 */
export async function prepareSchema(connection: PostgresConnection, place: PostgresPlace): Promise<void> {
  const { schema } = place;
  const run = (text: string, values: readonly unknown[] = []) =>
    connection.query(text, values, stepTimeoutMs);
  const version = await versionOf(connection, place);
  if (version === steps.length) return;
  await run('BEGIN');
  // The lock is needed because several servers may start at the same time.
  await run('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [`${owner} ${schema}`]);
  const present = await versionOf(connection, place);
  if (present === undefined) {
    const [found] = await run('SELECT 1 AS found FROM pg_namespace WHERE nspname = $1', [schema]);
    if (found === undefined) await run(`CREATE SCHEMA ${schema}`);
    await run(`CREATE TABLE ${schema}.layout (owner text NOT NULL, version integer NOT NULL)`);
    await run(`INSERT INTO ${schema}.layout (owner, version) VALUES ($1, 0)`, [owner]);
  }
  for (const step of steps.slice(present ?? 0)) for (const text of step(schema)) await run(text);
  await run(`UPDATE ${schema}.layout SET version = $1`, [steps.length]);
  await run('COMMIT');
}

/** Returns undefined for a schema that does not exist or is empty. */
async function versionOf(
  connection: PostgresConnection,
  { subject, schema }: PostgresPlace,
): Promise<number | undefined> {
  const tables = await connection.query(
    `SELECT relname AS name FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace WHERE nspname = $1`,
    [schema],
    stepTimeoutMs,
  );
  if (tables.length === 0) return undefined;
  const hasLayout = tables.some(({ name }) => name === 'layout');
  // Reads the row as JSON, because a table of another program may not have these columns.
  const [row] = hasLayout
    ? await connection.query(`SELECT to_jsonb(l) AS layout FROM ${schema}.layout l`, [], stepTimeoutMs)
    : [];
  const { owner: found, version } = (row?.['layout'] ?? {}) as { owner?: unknown; version?: unknown };
  if (found !== owner || typeof version !== 'number')
    throw new ClerkError(
      'CONFIG_INVALID',
      `${subject} has tables of another program in schema ${schema}; choose another schema with ?schema=NAME`,
    );
  if (version > steps.length)
    throw new ClerkError(
      'REGISTRY_INVALID',
      `${subject} was upgraded by a later release of binding-clerk (layout ${String(version)}; this server supports up to ${String(steps.length)}); update this server`,
    );
  return version;
}
