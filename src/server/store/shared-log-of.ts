import { isLocal, parseAddress } from '../../core/address.js';
import type { StoreHttp, StoreTls } from '../../core/store-http.js';
import { ClerkError, errorMessage } from '../../core/errors.js';
import type { SharedLog } from '../shared-log.js';
import type { StoreClock } from './store-failover.js';
import { etcdLog } from './etcd/etcd-log.js';
import { postgresLog } from './postgres/postgres-log.js';
import { parseStoreUrl, type TlsFiles } from './store-url.js';

export interface SharedLogRuntime {
  readonly clock: StoreClock;
  /** Returns random bytes in hexadecimal. */
  readonly randomHex: (bytes: number) => string;
  /** Returns the text of a file. Throws if the file cannot be read. */
  readonly readFile: (path: string) => string;
  /** Creates an HTTP client, for etcd. */
  readonly http: (tls: StoreTls) => StoreHttp;
  readonly warn: (message: string) => void;
}

/**
 * Returns the shared log at a store URL. The caller must open it.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the URL is invalid, or a certificate or key file in it cannot be
 *   read
 */
export function sharedLogOf(
  url: string,
  { clock, randomHex, readFile, http, warn }: SharedLogRuntime,
): SharedLog {
  const target = parseStoreUrl(url);
  const read = (files: TlsFiles): StoreTls => {
    const entries = Object.entries(files) as [keyof TlsFiles, string][];
    return Object.fromEntries(entries.map(([name, path]) => [name, readPem(path, readFile)]));
  };
  if (target.engine === 'etcd') {
    const plain = target.origins.find(
      (origin) => origin.startsWith('http:') && !isLocal(parseAddress(origin)),
    );
    if (plain !== undefined && target.credentials !== undefined)
      warn(
        `Warning: the password of the store is sent to ${plain} without encryption; use etcds:// in the store URL`,
      );
    return etcdLog(target, { clock, randomHex, http: http(read(target.tlsFiles)) });
  }
  return postgresLog(target, { clock, randomHex, tls: target.tls && read(target.tls.files) });
}

function readPem(path: string, readFile: (path: string) => string): string {
  let text: string;
  try {
    text = readFile(path);
  } catch (cause) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `File '${path}' in the store URL cannot be read: ${errorMessage(cause)}; correct the path or the permissions of the file`,
      { cause },
    );
  }
  if (!text.includes('-----BEGIN '))
    throw new ClerkError(
      'CONFIG_INVALID',
      `File '${path}' in the store URL must be in PEM format; convert the file with openssl`,
    );
  return text;
}
