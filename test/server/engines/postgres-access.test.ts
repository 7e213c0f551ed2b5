/** What a server says about a wrong URL of Postgres, and rights, schemas and TLS of Postgres. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { parseStoreUrl, type PostgresTarget } from '../../../src/server/store/store-url.js';
import { postgresLog } from '../../../src/server/store/postgres/postgres-log.js';
import type { PgModule } from '../../../src/server/store/postgres/pg-module.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { emptyLog } from '../../../src/server/shared-log.js';
import { authority } from '../../real/certificates.js';
import { OpenLogs } from './log-at.js';
import { PostgresServer, postgresProgram } from './postgres-server.js';

const leftOut = 'leftOut' in postgresProgram ? postgresProgram.leftOut : undefined;
const logs = new OpenLogs();
let server: PostgresServer;
let otherCa: string;

beforeAll(async () => {
  if (leftOut !== undefined) return;
  const [ca, other] = [await authority('test authority'), await authority('other authority')];
  const { cert, key } = await ca.issue('127.0.0.1');
  otherCa = join(mkdtempSync(join(tmpdir(), 'binding-clerk-ca-')), 'other.pem');
  writeFileSync(otherCa, other.cert);
  server = await PostgresServer.start({
    tls: { cert, key, ca: ca.cert },
    access: [
      'hostssl all needs_tls 127.0.0.1/32 scram-sha-256',
      'host all needs_tls 127.0.0.1/32 reject',
      'host all all 127.0.0.1/32 scram-sha-256',
    ],
  });
  await server.run(`CREATE ROLE needs_tls LOGIN PASSWORD 'tls-password'; CREATE ROLE stranger LOGIN PASSWORD 'x';
    CREATE SCHEMA granted; GRANT ALL ON SCHEMA granted TO needs_tls`);
}, 60_000);
afterEach(() => logs.close());
afterAll(async () => {
  await server?.close();
  if (otherCa !== undefined) rmSync(join(otherCa, '..'), { recursive: true, force: true });
});

const refusals: readonly [string, () => string, string, RegExp][] = [
  [
    'a wrong password',
    () => server.url({ password: 'wrong-one' }),
    'FORBIDDEN',
    /rejects the user or the password: password authentication failed/,
  ],
  ['an unknown user', () => server.url({ user: 'absent' }), 'FORBIDDEN', /rejects the user or the password/],
  [
    'no password',
    () => server.url().replace(/:admin-password/, ''),
    'FORBIDDEN',
    /rejects the user or the password/,
  ],
  [
    'no right',
    () => server.url({ user: 'stranger', password: 'x' }),
    'FORBIDDEN',
    /denies the user access: .*; run CREATE SCHEMA clerk AUTHORIZATION stranger/,
  ],
  [
    'an unknown database',
    () => server.url().replace('/clerk', '/absent'),
    'CONFIG_INVALID',
    /has no such database/,
  ],
  [
    'no TLS',
    () => server.url({ user: 'needs_tls', password: 'tls-password' }),
    'CONFIG_INVALID',
    /needs TLS: .*; add sslmode=verify-full/,
  ],
  [
    'an unknown authority',
    () => server.url({ query: '?sslmode=verify-full' }),
    'CONFIG_INVALID',
    /has an untrusted certificate/,
  ],
  [
    'another authority',
    () => server.url({ query: `?sslmode=verify-full&sslrootcert=${otherCa}` }),
    'CONFIG_INVALID',
    /has an untrusted certificate/,
  ],
  [
    'a host that the certificate does not contain',
    () =>
      server
        .url({ query: `?sslmode=verify-full&sslrootcert=${server.caFile}` })
        .replace('@127.0.0.1', '@localhost'),
    'CONFIG_INVALID',
    /has an untrusted certificate/,
  ],
];

test.for(refusals)('%s is refused', async ([, url, code, message], { skip }) => {
  skip(leftOut !== undefined, leftOut);
  const error = await logs.open(url()).catch((reason: unknown) => reason);
  expect(error).toMatchObject({ code, message: expect.stringMatching(message) });
  expect(JSON.stringify(error)).not.toMatch(/wrong-one|admin-password|tls-password/);
});

test('with TLS, and only the rights of its schema, a user has a log', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const query = `?schema=granted&sslmode=verify-full&sslrootcert=${server.caFile}`;
  const log = await logs.open(server.url({ user: 'needs_tls', password: 'tls-password', query }));
  expect(await log.append(emptyLog, 'a', 'text')).toBe('appended');
  // `verify-ca` accepts another host name.
  const other = await logs.open(
    server.url({ query: query.replace('full', 'ca') }).replace('@127.0.0.1', '@localhost'),
  );
  expect(await other.head()).toEqual({ position: 1, id: 'a' });
});

test('a Postgres without TLS is named as such', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const plain = await PostgresServer.start();
  try {
    await expect(logs.open(plain.url({ query: '?sslmode=verify-full' }))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('does not use TLS'),
    });
  } finally {
    await plain.close();
  }
}, 60_000);

test('a schema with tables of another program is refused, and stays as it was', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  await server.run(
    'CREATE SCHEMA other; CREATE TABLE other.layout (version integer); CREATE TABLE other.batches (id integer)',
  );
  await server.run('CREATE SCHEMA another; CREATE TABLE another.orders (id integer)');
  for (const [schema, tables] of [
    ['other', 2],
    ['another', 1],
  ] as const) {
    await expect(logs.open(server.url({ query: `?schema=${schema}` }))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: expect.stringContaining(`has tables of another program in schema ${schema}`),
    });
    const rows = await server.run(`SELECT 1 FROM pg_tables WHERE schemaname = '${schema}'`);
    expect(rows.length).toBe(tables);
  }
});

test('a schema of a later release is refused', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  await logs.open(server.url({ query: '?schema=later' }));
  await server.run('UPDATE later.layout SET version = 7');
  await expect(logs.open(server.url({ query: '?schema=later' }))).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining(
      'was upgraded by a later release of binding-clerk (layout 7; this server supports up to 1)',
    ),
  });
});

test('a log whose tables were removed says so', async ({ skip }) => {
  skip(leftOut !== undefined, leftOut);
  const log = await logs.open(server.url({ query: '?schema=removed' }));
  await server.run('DROP SCHEMA removed CASCADE');
  await expect(log.head()).rejects.toMatchObject({
    code: 'REGISTRY_INVALID',
    message: expect.stringContaining('has lost a table of schema removed'),
  });
});

/** The package `pg` with a client that answers the first statement with these values. */
const fakePg = (answer: Record<string, unknown>): PgModule => ({
  Client: class {
    async connect(): Promise<void> {}
    async query(): Promise<{ rows: Record<string, unknown>[] }> {
      return { rows: [answer] };
    }
    on(): void {}
    async end(): Promise<void> {}
  },
});

test.each([
  [{ standby: false, version: 130_012 }, 'CONFIG_INVALID', 'must be Postgres 14 or later; got version 13'],
  [
    { standby: true, version: 150_000 },
    'REGISTRY_UNREACHABLE',
    '127.0.0.1:5432: the host is a standby, which rejects writes',
  ],
])('a server with %j is refused', async (answer, code, message) => {
  const target = parseStoreUrl('postgres://127.0.0.1/clerk') as PostgresTarget;
  const log = postgresLog(target, { clock: systemClock, randomHex: () => '', pg: () => fakePg(answer) });
  await expect(log.open()).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
  await log.close();
});

test('without a host that answers, the error names all of them', async () => {
  const log = logs.connect('postgres://u:secret@127.0.0.1:1,localhost:2/clerk');
  await expect(log.open()).rejects.toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: expect.stringMatching(/127\.0\.0\.1:1: .*localhost:2: /),
  });
});
