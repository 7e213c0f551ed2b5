import { ClerkError, errorMessage } from '../../../core/errors.js';

/** A failure of a statement or a connection. A retry, at this or another host, may succeed. */
export class PostgresFailure extends Error {
  /** Whether it is certain that the statement had no effect. */
  readonly isUnsent: boolean;

  constructor(message: string, isUnsent: boolean, cause?: unknown) {
    super(message, { cause });
    this.isUnsent = isUnsent;
  }
}

/** Names of the store for error messages. */
export interface PostgresPlace {
  /** Describes the store, in a form such as `The store postgres://db.internal/clerk?schema=clerk`. */
  readonly subject: string;
  readonly schema: string;
  readonly user: string | undefined;
}

/** SQLSTATE values of statements that were rolled back, so a retry is safe. */
const rolledBack = new Set(['40001', '40P01', '55P03', '57014', '25006', '53200', '53300', '53400']);

/**
 * Converts an error of the package `pg`.
 *
 * @param wasSent - whether the statement may have reached the server
 * @returns a {@link PostgresFailure} if a retry may succeed; if not, a {@link ClerkError}
 * @see [PostgreSQL: error codes](https://www.postgresql.org/docs/15/errcodes-appendix.html)
 */
export function toPostgresError(
  error: unknown,
  { subject, schema, user }: PostgresPlace,
  wasSent: boolean,
): ClerkError | PostgresFailure {
  const message = errorMessage(error);
  const { code = '' } = error as { code?: string };
  const clerkError = (errorCode: ClerkError['code'], problem: string): ClerkError =>
    new ClerkError(errorCode, `${subject} ${problem}`, { cause: error });
  if (code === '28000' && /no encryption|SSL off/i.test(message))
    return clerkError('CONFIG_INVALID', `needs TLS: ${message}; add sslmode=verify-full to the store URL`);
  if (code === '28P01' || code === '28000' || /^SASL|password must be a string/.test(message))
    return clerkError(
      'FORBIDDEN',
      `rejects the user or the password: ${message}; check both in the store URL, and check pg_hba.conf`,
    );
  if (code === '3D000')
    return clerkError(
      'CONFIG_INVALID',
      `has no such database: ${message}; create the database with createdb, or correct the store URL`,
    );
  if (code === '42501')
    return clerkError(
      'FORBIDDEN',
      `denies the user access: ${message}; run CREATE SCHEMA ${schema} AUTHORIZATION ${user ?? 'USER'} as owner of the database`,
    );
  if (code === '42P01' || code === '3F000')
    return clerkError(
      'REGISTRY_INVALID',
      `has lost a table of schema ${schema}: ${message}; restore the database from a backup, or start the servers again to begin without names`,
    );
  if (code === '53100')
    return clerkError(
      'REGISTRY_UNREACHABLE',
      `has no space left: ${message}; free space on the disk of Postgres`,
    );
  if (/does not support SSL/.test(message))
    return clerkError(
      'CONFIG_INVALID',
      `does not use TLS: ${message}; add sslmode=disable to the store URL, or set ssl = on in postgresql.conf`,
    );
  if (/CERT|SIGNATURE|^ERR_TLS/.test(code))
    return clerkError(
      'CONFIG_INVALID',
      `has an untrusted certificate: ${message}; set the authority with sslrootcert=FILE in the store URL, and use a host name of the certificate`,
    );
  const isSqlState = /^[0-9A-Z]{5}$/.test(code) && 'severity' in (error as object);
  if (rolledBack.has(code)) return new PostgresFailure(message, true, error);
  // Classes 08 and 57P mean that the connection or the server has ended. An error without SQLSTATE is a connection
  // error.
  if (!isSqlState || code.startsWith('08') || code.startsWith('57P') || code === 'XX000')
    return new PostgresFailure(message, !wasSent, error);
  return clerkError(
    'REGISTRY_INVALID',
    `rejects a statement: ${message} (SQLSTATE ${code}); check the version and the log of Postgres`,
  );
}
