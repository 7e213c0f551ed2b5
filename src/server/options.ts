import { isLoopbackHost } from '../core/address.js';
import { describeValue, quote } from '../core/describe-value.js';
import { configError } from '../core/errors.js';
import { isObject } from '../core/is-object.js';
import { escapingLogger, type Logger } from '../core/logger.js';
import { limits } from '../protocol/limits.js';
import { advertisedHosts, parseAdvertise } from './advertised-urls.js';
import type { ServerRuntime } from './ports.js';
import type { SharedLog } from './shared-log.js';

/** Options of {@link startServer}. Every option is optional; an unknown option is an error. */
export interface ServerOptions {
  /** Port to listen on, 0 to 65535; 0 uses any free port. Default 4711. */
  readonly port?: number;
  /**
   * Address to listen on; `localhost` is 127.0.0.1 and ::1. Default 127.0.0.1, which only clients on this machine can
   * reach. Without an initialized data folder, the server has no authentication: each client that can connect can
   * change names and start services. Such a server needs the option `insecure` to listen at an address that is not
   * loopback.
   */
  readonly host?: string;
  /**
   * Folder in which the names are stored. A missing folder is created. Without this option, names are in memory only.
   */
  readonly data?: string;
  /**
   * URL of a database that stores the names, so that several servers can share them:
   * `etcd://user:password@a:2379,b:2379/prefix`, or `postgres://user:password@host/database?schema=clerk`, which
   * needs the package `pg`. `data` then contains only the keys of a secured registry, the audit log and the logs of
   * services. Messages never contain the password. A {@link SharedLog} is an adapter of your own to another database.
   * Default: the names are in `data`, or in memory without `data`.
   *
   * @see [Several servers over one engine](../../docs/engines.md)
   */
  readonly store?: string | SharedLog;
  /** File of mode 0600 that contains the URL of the database, in place of `store`. Default none. */
  readonly storeFile?: string;
  /**
   * URL at which clients reach this server, or a list of 1 to 16 such URLs, best first. Each server of one database
   * registers itself with its URLs in `/clerk/registry`, so that clients that know one server learn the others. The
   * host names in the URLs count as `allowedHosts`. With `false`, clients do not learn of this server. Default: the
   * address at which the server listens; on all interfaces, the addresses of the host. A server needs this option if a
   * container publishes its port. Needs `store` or `storeFile`; without them the code is `CONFIG_INVALID`.
   *
   * @see [G11](../../docs/background.md#g11)
   */
  readonly advertise?: string | readonly string[] | false;
  /**
   * Folder with the manifests of the services that the server may start on this host. Without this option, the server
   * starts no service.
   */
  readonly manifests?: string;
  /**
   * Whether to use a copy of a data folder as the original. By default, a registry that opens a copy starts a new
   * incarnation, and does not manage the processes that the original has started. Set this option if the original
   * will not be used again, such as after a restore. Unused tokens are cancelled in a copy, with and without this
   * option. Needs `data`. Default false.
   *
   * @see [C6.7](../../docs/guarantees.md#c6-7)
   */
  readonly adopt?: boolean;
  /**
   * Whether a server without authentication may listen at an address that is not loopback. Each response then has the
   * header `clerk-insecure: 1`. Default false.
   *
   * @see [C7.8](../../docs/guarantees.md#c7-8)
   */
  readonly insecure?: boolean;
  /**
   * Host names, without port, that the header `Host` of a request may contain. IP addresses, loopback names and
   * `host` are always accepted. Default none.
   */
  readonly allowedHosts?: readonly string[];
  /**
   * Maximum number of endpoints that one principal may register, 1 to 10,000,000. Default 1,000. Further registrations
   * fail with `LIMIT_EXCEEDED`, and the server logs a warning. In a server without authentication, all loopback
   * addresses are one principal, and each other address is a principal of its own; see `ipv4PrefixLength`.
   */
  readonly maxRegistrations?: number;
  /**
   * Maximum number of open watches of one principal, 1 to 10,000,000. Default 64. A clerk needs one watch. Further
   * watches fail with `LIMIT_EXCEEDED`, and the server logs a warning.
   */
  readonly maxWatches?: number;
  /**
   * Maximum number of names that one principal may create, 1 to 10,000,000. Counts services, links and directories,
   * including services that a registration creates. A name counts for the principal that has created it until it is
   * removed. Further names fail with `LIMIT_EXCEEDED`, and the server logs a warning. Default 100,000.
   */
  readonly maxNamesPerPrincipal?: number;
  /**
   * Maximum guarantee of a name, in ms; 0 to 604,800,000. A request with a longer guarantee fails with
   * `LIMIT_EXCEEDED`. Default 3,600,000.
   */
  readonly maxGuaranteedMs?: number;
  /**
   * Maximum number of open connections, 1 to 10,000,000. Default 4,096. At the limit, a new connection closes the
   * longest idle connection of the principal with the most connections, and the server logs a warning. Connections
   * that renew leases are closed last.
   */
  readonly maxConnections?: number;
  /**
   * Number of leading bits of an IPv4 address that identify a principal of a server without authentication, 0 to 32.
   * Default 32.
   */
  readonly ipv4PrefixLength?: number;
  /** Number of leading bits of an IPv6 address that identify a principal, 0 to 128. Default 64. */
  readonly ipv6PrefixLength?: number;
  /**
   * Maximum number of names: services, links and directories; 1 to 10,000,000. A million names need about 250 MB of
   * memory. Further names fail with `LIMIT_EXCEEDED`, and the server logs a warning. Default 2,000,000.
   */
  readonly maxNames?: number;
  /**
   * Whether the server records every change and every rejected request in the folder `audit` of the data folder.
   * While the log cannot be written, the server rejects changes. Needs `data`. Default: true for a secured registry.
   *
   * @see [C7.9](../../docs/guarantees.md#c7-9)
   */
  readonly audit?: boolean;
  /** Size at which the audit log starts a new file, in bytes; 65,536 to 1 GiB. Default 8 MiB. */
  readonly maxAuditFileBytes?: number;
  /** Maximum number of files of the audit log, 2 to 10,000. The oldest file is removed. Default 16. */
  readonly maxAuditFiles?: number;
  /** Interval between heartbeats while a watch has no other events, in ms; 10 to 3,600,000. Default 5,000. */
  readonly heartbeatMs?: number;
  /** Receives the log messages of the server. Without this option, the messages are discarded. */
  readonly logger?: Logger;
  /** Replaces Node's clock, random numbers or hashing, for tests. */
  readonly runtime?: Partial<ServerRuntime>;
}

export type ServerConfig = ReturnType<typeof toServerConfig>;

const noop = (): void => undefined;
const silentLogger: Logger = Object.freeze({ debug: noop, info: noop, warn: noop, error: noop });

const optionNames = {
  port: true,
  host: true,
  data: true,
  store: true,
  storeFile: true,
  advertise: true,
  manifests: true,
  adopt: true,
  insecure: true,
  allowedHosts: true,
  maxRegistrations: true,
  maxWatches: true,
  maxNames: true,
  maxNamesPerPrincipal: true,
  maxGuaranteedMs: true,
  maxConnections: true,
  ipv4PrefixLength: true,
  ipv6PrefixLength: true,
  audit: true,
  maxAuditFileBytes: true,
  maxAuditFiles: true,
  heartbeatMs: true,
  logger: true,
  runtime: true,
} satisfies Record<keyof ServerOptions, true>;

export function toServerConfig(options: ServerOptions) {
  for (const key of Object.keys(options))
    if (!Object.hasOwn(optionNames, key))
      throw configError(
        `Option ${quote(key)} is unknown; the options are ${Object.keys(optionNames).join(', ')}`,
      );
  const {
    port = limits.defaultPort,
    host = '127.0.0.1',
    allowedHosts = [],
    maxRegistrations = limits.maxRegistrations,
    maxWatches = limits.maxWatches,
    maxNames = limits.maxNames,
    maxNamesPerPrincipal = limits.maxNamesPerPrincipal,
    maxGuaranteedMs = limits.maxGuaranteedMs,
    maxConnections = limits.maxConnections,
    ipv4PrefixLength = limits.ipv4PrefixLength,
    ipv6PrefixLength = limits.ipv6PrefixLength,
    maxAuditFileBytes = limits.maxAuditFileBytes,
    maxAuditFiles = limits.maxAuditFiles,
    heartbeatMs = limits.heartbeatMs,
    audit,
    adopt = false,
    insecure = false,
    logger = silentLogger,
    runtime = {},
  } = options;
  if (!isIntegerBetween(port, 0, 65_535))
    throw configError(`Option port must be an integer from 0 to 65535; got ${describeValue(port)}`);
  if (!isIntegerBetween(heartbeatMs, 10, 3_600_000))
    throw configError(
      `Option heartbeatMs must be an integer from 10 to 3,600,000 ms; got ${describeValue(heartbeatMs)}`,
    );
  checkCounts({ maxRegistrations, maxWatches, maxNames, maxNamesPerPrincipal, maxConnections });
  if (!isIntegerBetween(maxGuaranteedMs, 0, limits.maxLeaseMs))
    throw configError(
      `Option maxGuaranteedMs must be an integer from 0 to 604,800,000 ms; got ${describeValue(maxGuaranteedMs)}`,
    );
  for (const [option, value, bits] of [
    ['ipv4PrefixLength', ipv4PrefixLength, 32],
    ['ipv6PrefixLength', ipv6PrefixLength, 128],
  ] as const)
    if (!isIntegerBetween(value, 0, bits))
      throw configError(
        `Option ${option} must be an integer from 0 to ${bits} bits; got ${describeValue(value)}`,
      );
  if (!isIntegerBetween(maxAuditFileBytes, 65_536, 1_073_741_824))
    throw configError(
      `Option maxAuditFileBytes must be an integer from 65,536 to 1,073,741,824 bytes; got ${describeValue(maxAuditFileBytes)}`,
    );
  if (!isIntegerBetween(maxAuditFiles, 2, 10_000))
    throw configError(
      `Option maxAuditFiles must be an integer from 2 to 10,000; got ${describeValue(maxAuditFiles)}`,
    );
  if (audit !== undefined && typeof audit !== 'boolean')
    throw configError(`Option audit must be true or false; got ${describeValue(audit)}`);
  if (audit === true && options.data === undefined)
    throw configError('Option audit needs the option data, because the audit log is in the data folder');
  const advertise = parseAdvertise(options.advertise);
  if (options.advertise !== undefined && options.store === undefined && options.storeFile === undefined)
    throw configError(
      'Option advertise needs the option store or storeFile, because only servers that share a database announce their URLs',
    );
  if (typeof adopt !== 'boolean')
    throw configError(`Option adopt must be true or false; got ${describeValue(adopt)}`);
  if (typeof insecure !== 'boolean')
    throw configError(`Option insecure must be true or false; got ${describeValue(insecure)}`);
  if (adopt && options.data === undefined)
    throw configError('Option adopt needs the option data, because only a data folder can be a copy');
  if (!isNonEmptyString(host) || /[\s/]/.test(host))
    throw configError(
      `Option host must be an address of this machine without a port, such as '127.0.0.1' or '::1'; got ${describeValue(host)}`,
    );
  if (!Array.isArray(allowedHosts) || !allowedHosts.every(isNonEmptyString))
    throw configError(
      `Option allowedHosts must be an array of host names such as ['registry.internal']; got ${describeValue(allowedHosts)}`,
    );
  return Object.freeze({
    port,
    host,
    data: checkFolder(options.data, 'data'),
    ...checkStore(options),
    advertise,
    manifests: checkFolder(options.manifests, 'manifests'),
    adopt,
    insecure,
    allowedHosts: [...allowedHosts, ...advertisedHosts(advertise)],
    maxRegistrations,
    maxWatches,
    maxNames,
    maxNamesPerPrincipal,
    maxGuaranteedMs,
    maxConnections,
    masks: { ipv4PrefixLength, ipv6PrefixLength },
    audit,
    maxAuditFileBytes,
    maxAuditFiles,
    heartbeatMs,
    logger: escapingLogger(logger),
    runtime,
  });
}

/**
 * Returns whether other hosts can reach a server without authentication.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when other hosts can reach it and the option `insecure` is not set
 */
export function checkInsecure({ host, insecure }: ServerConfig): boolean {
  if (isLoopbackHost(host)) return false;
  if (insecure) return true;
  throw configError(
    `A server without authentication must listen at a loopback address; got host ${quote(host)}; secure the data folder with clerk init, or set the option insecure (--insecure) if a firewall protects the port`,
  );
}

function checkCounts(counts: Readonly<Record<string, unknown>>): void {
  for (const [option, value] of Object.entries(counts))
    if (!isIntegerBetween(value, 1, 10_000_000))
      throw configError(
        `Option ${option} must be an integer from 1 to 10,000,000; got ${describeValue(value)}`,
      );
}

/**
 * Checks the options `store` and `storeFile`. Errors do not contain the value of `store`, because it may contain a
 * password.
 */
function checkStore({ store, storeFile }: ServerOptions): Pick<ServerOptions, 'store' | 'storeFile'> {
  if (store !== undefined && !isNonEmptyString(store) && !isObject(store))
    throw configError("Option store must be the URL of a database, such as 'etcd://10.0.0.7:2379/clerk'");
  if (storeFile !== undefined && !isNonEmptyString(storeFile))
    throw configError(`Option storeFile must be the path of a file; got ${describeValue(storeFile)}`);
  if (store !== undefined && storeFile !== undefined)
    throw configError('Options store and storeFile must not both be set; remove one of them');
  return { ...(store !== undefined && { store }), ...(storeFile !== undefined && { storeFile }) };
}

function checkFolder(value: unknown, option: string): string | undefined {
  if (value === undefined || isNonEmptyString(value)) return value;
  throw configError(`Option ${option} must be the path of a folder; got ${describeValue(value)}`);
}

function isNonEmptyString(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

function isIntegerBetween(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}
