import { describe, expect, test } from 'vitest';
import { isClerkError } from '../../../src/core/errors.js';
import { parseStoreUrl } from '../../../src/server/store/store-url.js';

const messageOf = (url: string): string => {
  try {
    parseStoreUrl(url);
  } catch (error) {
    expect(isClerkError(error) && error.code).toBe('CONFIG_INVALID');
    return (error as Error).message;
  }
  throw new Error(`accepted ${url}`);
};

describe('etcd', () => {
  test('endpoints, prefix, user and password', () => {
    expect(
      parseStoreUrl('etcd://clerk:p%40ss%2Fphrase@10.0.0.7:2379,b.internal,[::1]:23790/team/names'),
    ).toEqual({
      engine: 'etcd',
      label: 'etcd://10.0.0.7:2379,b.internal,[::1]:23790/team/names',
      origins: ['http://10.0.0.7:2379', 'http://b.internal:2379', 'http://[::1]:23790'],
      prefix: '/team/names/',
      credentials: { user: 'clerk', password: 'p@ss/phrase' },
      tlsFiles: {},
    });
  });

  test.each(['etcd://a', 'etcd://a/', 'ETCD://a'])('%s uses the prefix /clerk/', (url) => {
    expect(parseStoreUrl(url)).toMatchObject({ prefix: '/clerk/', credentials: undefined });
  });

  test('etcds uses TLS', () => {
    expect(parseStoreUrl('etcds://a:2379/x?ca=/etc/ca.pem&cert=/c.pem&key=/k.pem')).toMatchObject({
      origins: ['https://a:2379'],
      tlsFiles: { ca: '/etc/ca.pem', cert: '/c.pem', key: '/k.pem' },
    });
  });
});

describe('Postgres', () => {
  test('hosts, database, schema, user and password', () => {
    expect(parseStoreUrl('postgres://u:p%3A@127.0.0.1,localhost:5433/names?schema=team_a')).toEqual({
      engine: 'postgres',
      label: 'postgres://127.0.0.1,localhost:5433/names?schema=team_a',
      hosts: [
        { host: '127.0.0.1', port: 5432 },
        { host: 'localhost', port: 5433 },
      ],
      database: 'names',
      schema: 'team_a',
      user: 'u',
      password: 'p:',
      tls: undefined,
    });
  });

  test('a socket, and the default schema', () => {
    expect(parseStoreUrl('postgresql:///names?host=/run/postgresql')).toMatchObject({
      hosts: [{ host: '/run/postgresql', port: 5432 }],
      schema: 'clerk',
      user: undefined,
      password: undefined,
      tls: undefined,
    });
  });

  test('another host than this one needs TLS and a proved host name by default', () => {
    expect(parseStoreUrl('postgres://db.internal/names')).toMatchObject({
      tls: { verifiesHost: true, files: {} },
    });
    expect(parseStoreUrl('postgres://db.internal/names?sslmode=disable')).toMatchObject({ tls: undefined });
    expect(parseStoreUrl('postgres://127.0.0.1/n?sslmode=verify-ca&sslrootcert=/ca.pem')).toMatchObject({
      tls: { verifiesHost: false, files: { ca: '/ca.pem' } },
    });
  });
});

describe('a URL that is refused', () => {
  test.each([
    ['', 'must have the form etcd://'],
    ['nonsense', 'must have the form etcd://'],
    ['http://a:2379', 'must begin with etcd:, etcds: or postgres:'],
    ['etcd:///x', 'must name at least one endpoint'],
    ['etcd://a:0/x', 'host:port'],
    ['etcd://a:2379:1/x', 'host:port'],
    ['etcd://a,,b/x', 'host:port'],
    ['etcd://user@a/x', 'must have a password after the user'],
    ['etcd://:secret@a/x', 'a password without a user'],
    ['etcd://a/x y', 'must have a prefix of letters'],
    ['etcd://a//x', 'must have a prefix of letters'],
    ['etcd://a/%2', 'invalid percent encoding'],
    ['etcd://a/x?ca=/ca.pem', 'use etcds://'],
    ['etcds://a/x?cert=/c.pem', 'must have both cert and key'],
    ['etcds://a/x?ca=', 'must have a path as parameter ca'],
    ['etcd://a/x?timeout=5', "unknown parameter 'timeout'"],
    ['etcd://a/x?ca=1&ca=2', 'the parameter ca twice'],
    ['etcd://a/x#y', 'must have the form'],
    ['postgres://h', 'must name the database'],
    ['postgres:///db', 'must name the host'],
    ['postgres://h/a/b', 'must name the database'],
    ['postgres://h/db?schema=Team', 'must have a schema of lower-case letters'],
    ['postgres://h/db?schema=pg_temp', 'not beginning with pg_'],
    ['postgres://h/db?schema=a";drop', 'must have a schema'],
    ['postgres://h/db?sslmode=prefer', 'must have the sslmode disable, verify-ca or verify-full'],
    ['postgres://127.0.0.1/db?sslrootcert=/ca.pem', 'has TLS files, but the sslmode disable'],
    ['postgres://h/db?host=/run', 'and no other host'],
    ['postgres:///db?host=h', 'absolute folder path'],
  ])('%s', (url, message) => {
    expect(messageOf(url)).toContain(message);
  });

  test.each(['/', '?', '#', '@', '%', ':/', '@/', '/?'])(
    'its message does not contain a password with %s that is not encoded',
    (character) => {
      for (const scheme of ['etcd', 'postgres', 'mysql'])
        for (const rest of ['a:2379/x', 'a:2379/x?schema=Y', ''])
          expect(messageOf(`${scheme}://user:s3${character}cret@${rest}`)).not.toMatch(/s3|cret/);
    },
  );
});
