import { loadPackage } from '../../../core/load-package.js';
import { ClerkError, errorMessage } from '../../../core/errors.js';
import pgPackage from './pg-package.cjs';

/** The part of the package `pg` that this project uses. The package has no types. */
export interface PgModule {
  readonly Client: new (config: PgClientConfig) => PgClient;
}

export interface PgClientConfig {
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly ssl: false | PgTls;
  readonly connectionTimeoutMillis: number;
  readonly keepAlive: boolean;
  readonly application_name: string;
}

export interface PgTls {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly rejectUnauthorized: boolean;
  /**
   * Replaces the check of the host name in the certificate. Returning undefined accepts any host. Default: the check
   * of Node.js.
   */
  readonly checkServerIdentity?: () => undefined;
}

export type PgRow = Readonly<Record<string, unknown>>;

export interface PgClient {
  connect(): Promise<void>;
  query(query: { readonly text: string; readonly values?: readonly unknown[] }): Promise<{
    readonly rows: readonly PgRow[];
  }>;
  on(event: 'error', listener: (error: Error) => void): void;
  on(event: 'end', listener: () => void): void;
  on(event: 'notification', listener: (message: { readonly payload?: string }) => void): void;
  end(): Promise<void>;
  readonly connection?: { readonly stream?: { destroy(): void } };
}

let loaded: PgModule | undefined;

/** @throws {@link ClerkError} `CONFIG_INVALID` when the package is not installed */
export function pgModule(): PgModule {
  try {
    return (loaded ??= loadPackage('pg', () => pgPackage.load() as unknown as PgModule));
  } catch (cause) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `A store in Postgres needs the package pg, which cannot be loaded (${firstLineOf((cause as Error).cause)}). Run npm install pg`,
      { cause },
    );
  }
}

/** Returns the first line of an error. The other lines of an error of `require` only list files. */
function firstLineOf(error: unknown): string {
  return errorMessage(error).split(/\n|\\u000a/, 1)[0] as string;
}
