import { isLocal, parseAddress, urlHost } from '../../core/address.js';
import { ClerkError } from '../../core/errors.js';

/** A parsed store URL: the database that stores the records of several servers. */
export type StoreTarget = EtcdTarget | PostgresTarget;

export interface StoreCredentials {
  readonly user: string;
  readonly password: string;
}

/** Paths of files in PEM format. */
export interface TlsFiles {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface EtcdTarget {
  readonly engine: 'etcd';
  /** The URL without user and password, for messages. */
  readonly label: string;
  /** At least one origin such as `https://10.0.0.7:2379`. */
  readonly origins: readonly string[];
  /** Begins and ends with `/`. */
  readonly prefix: string;
  readonly credentials: StoreCredentials | undefined;
  readonly tlsFiles: TlsFiles;
}

export interface PostgresHost {
  /** Host name, IP address, or absolute path of the folder with the Unix socket. */
  readonly host: string;
  readonly port: number;
}

export interface PostgresTarget {
  readonly engine: 'postgres';
  /** The URL without user and password, for messages. */
  readonly label: string;
  /** At least one host. */
  readonly hosts: readonly PostgresHost[];
  readonly database: string;
  readonly schema: string;
  readonly user: string | undefined;
  readonly password: string | undefined;
  /** TLS settings; undefined for connections without TLS. */
  readonly tls: { readonly verifiesHost: boolean; readonly files: TlsFiles } | undefined;
}

const defaultPrefix = '/clerk/';
const defaultSchema = 'clerk';
const forms =
  'etcd://[user:password@]host:2379[,host:2379…][/prefix], etcds://… for TLS, or postgres://[user[:password]@]host[:5432]/database[?schema=clerk]';

/**
 * Parses a store URL.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`; its message contains no password
 */
export function parseStoreUrl(text: string): StoreTarget {
  const match = /^([a-z][a-z0-9+.-]*):\/\/(?:([^@/?#]*)@)?([^/?#@]*)(\/[^?#@]*)?(?:\?([^#@]*))?$/i.exec(
    text.trim(),
  );
  if (match === null) throw storeError(`must have the form ${forms}`);
  const [, scheme = '', user, hosts = '', path = '', query = ''] = match;
  const parts: UrlParts = {
    label: `${scheme.toLowerCase()}://${hosts}${path}`,
    user: userOf(user),
    hosts: hosts === '' ? [] : hosts.split(','),
    path,
    query: queryOf(query),
  };
  switch (scheme.toLowerCase()) {
    case 'etcd':
      return etcdTarget(parts, 'http');
    case 'etcds':
      return etcdTarget(parts, 'https');
    case 'postgres':
    case 'postgresql':
      return postgresTarget(parts);
    default:
      throw storeError(`must begin with etcd:, etcds: or postgres:; got ${scheme}:. Use the form ${forms}`);
  }
}

interface UrlParts {
  readonly label: string;
  readonly user: { readonly name: string; readonly password: string | undefined } | undefined;
  readonly hosts: readonly string[];
  readonly path: string;
  readonly query: Map<string, string>;
}

function etcdTarget({ label, user, hosts, path, query }: UrlParts, scheme: 'http' | 'https'): EtcdTarget {
  if (hosts.length === 0)
    throw storeError('must name at least one endpoint of etcd, such as etcd://10.0.0.7:2379');
  if (user !== undefined && user.password === undefined)
    throw storeError(
      'must have a password after the user, because etcd requires both; use the form etcd://user:password@host',
    );
  const tlsFiles = takeTlsFiles(query, ['ca', 'cert', 'key']);
  if (scheme === 'http' && Object.keys(tlsFiles).length > 0)
    throw storeError('has the TLS parameters ca, cert or key without TLS; use etcds:// in place of etcd://');
  refuseOthers(query, 'etcd', 'ca, cert and key');
  return {
    engine: 'etcd',
    label,
    origins: hosts.map((host) => originOf(host, scheme)),
    prefix: prefixOf(decode(path, 'prefix')),
    credentials: user && { user: user.name, password: user.password as string },
    tlsFiles,
  };
}

function originOf(host: string, scheme: string): string {
  try {
    const { text } = parseAddress(`tcp://${/:[0-9]+$/.test(host) ? host : `${host}:2379`}`);
    return text.replace(/^tcp/, scheme);
  } catch (cause) {
    throw storeError(`must name each endpoint as host:port, such as 10.0.0.7:2379; got '${host}'`, cause);
  }
}

function prefixOf(path: string): string {
  if (path === '' || path === '/') return defaultPrefix;
  const prefix = path.replace(/\/$/, '');
  if (!/^(\/[\w.~-]+)+$/.test(prefix) || prefix.length > 200)
    throw storeError(
      `must have a prefix of letters, digits and -._~ between slashes, with at most 200 characters; got '${path}'`,
    );
  return `${prefix}/`;
}

function postgresTarget({ label, user, hosts, path, query }: UrlParts): PostgresTarget {
  const socketFolder = query.get('host');
  query.delete('host');
  if (socketFolder !== undefined && (!socketFolder.startsWith('/') || hosts.length > 0))
    throw storeError(
      'must have an absolute folder path as parameter host, and no other host; use the form postgres:///database?host=/run/postgresql',
    );
  const named = socketFolder === undefined ? hosts.map(postgresHost) : [{ host: socketFolder, port: 5432 }];
  if (named.length === 0)
    throw storeError('must name the host of Postgres, such as postgres://db.internal/clerk');
  const database = decode(path.slice(1), 'database');
  if (database === '' || database.includes('/'))
    throw storeError('must name the database after the host, such as postgres://db.internal/clerk');
  const schema = query.get('schema') ?? defaultSchema;
  query.delete('schema');
  if (!/^[a-z_][a-z0-9_]{0,62}$/.test(schema) || schema.startsWith('pg_'))
    throw storeError(
      `must have a schema of lower-case letters, digits and _, with at most 63 characters, not beginning with pg_; got '${schema}'`,
    );
  const tls = postgresTls(query, named);
  refuseOthers(query, 'Postgres', 'schema, host, sslmode, sslrootcert, sslcert and sslkey');
  return {
    engine: 'postgres',
    label: `${label}?schema=${schema}`,
    hosts: named,
    database,
    schema,
    user: user?.name,
    password: user?.password,
    tls,
  };
}

function postgresHost(text: string): PostgresHost {
  try {
    const { hostname, port } = parseAddress(`tcp://${/:[0-9]+$/.test(text) ? text : `${text}:5432`}`);
    return { host: hostname, port };
  } catch (cause) {
    throw storeError(`must name each host as host or host:port; got '${text}'`, cause);
  }
}

/**
 * Reads the TLS parameters of libpq. The modes allow, prefer and require are rejected, because they permit connections
 * without TLS or do not check the certificate.
 */
function postgresTls(query: Map<string, string>, hosts: readonly PostgresHost[]): PostgresTarget['tls'] {
  const mode = query.get('sslmode') ?? (hosts.every(isOnThisHost) ? 'disable' : 'verify-full');
  query.delete('sslmode');
  const files = takeTlsFiles(query, ['sslrootcert', 'sslcert', 'sslkey']);
  if (mode === 'verify-full' || mode === 'verify-ca') return { verifiesHost: mode === 'verify-full', files };
  if (mode !== 'disable')
    throw storeError(`must have the sslmode disable, verify-ca or verify-full; got '${mode}'`);
  if (Object.keys(files).length > 0)
    throw storeError('has TLS files, but the sslmode disable; use sslmode=verify-full, or remove the files');
  return undefined;
}

function isOnThisHost({ host, port }: PostgresHost): boolean {
  return host.startsWith('/') || isLocal(parseAddress(`tcp://${urlHost(host)}:${String(port)}`));
}

function takeTlsFiles(query: Map<string, string>, names: readonly [string, string, string]): TlsFiles {
  const [ca, cert, key] = names.map((name) => {
    const path = query.get(name);
    query.delete(name);
    if (path === '') throw storeError(`must have a path as parameter ${name}`);
    return path;
  });
  if ((cert === undefined) !== (key === undefined))
    throw storeError(`must have both ${names[1]} and ${names[2]}, or neither`);
  return {
    ...(ca !== undefined && { ca }),
    ...(cert !== undefined && { cert }),
    ...(key !== undefined && { key }),
  };
}

function queryOf(query: string): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    if (pairs.has(name)) throw storeError(`has the parameter ${name} twice`);
    pairs.set(name, value);
  }
  return pairs;
}

function refuseOthers(query: Map<string, string>, engine: string, known: string): void {
  for (const name of query.keys())
    throw storeError(`has the unknown parameter '${name}'; the parameters for ${engine} are ${known}`);
}

function userOf(text: string | undefined): UrlParts['user'] {
  if (text === undefined || text === '') return undefined;
  const at = text.indexOf(':');
  const name = decode(at < 0 ? text : text.slice(0, at), 'user');
  if (name === '') throw storeError('has a password without a user; use the form user:password@host');
  return { name, password: at < 0 ? undefined : decode(text.slice(at + 1), 'password') };
}

/** Decodes a part of the URL. The error does not contain the value, because it may be a password. */
function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw storeError(`has a ${part} with an invalid percent encoding; write % as %25`);
  }
}

function storeError(problem: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `The URL of the store ${problem}`,
    cause === undefined ? {} : { cause },
  );
}
