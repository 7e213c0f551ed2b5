/** What advertising can be told, and what it makes of it: everything is checked once, here, before anything is asked. */
import { toEndpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { parseName } from '../core/name.js';
import { atMostOnceAttribute } from '../protocol/call-headers.js';
import { limits } from '../protocol/limits.js';
import type { IdempotencyGuard } from './at-most-once/idempotency-guard.js';
import { guardOf } from './at-most-once/wrap-handler.js';
import { isServer, type ServerOrAddress } from './server-addresses.js';

/** How a service is advertised. An unknown key is an error. */
export interface AdvertiseOptions {
  /** Absolute name of the service. Needed, unless a launcher started this process and gave it one. */
  readonly name?: string;
  /**
   * Where it is: an `http.Server`, `https.Server` or HTTP/2 server, which is waited for until it listens, or an address
   * (`http(s)://host:port`, `tcp://host:port`, `unix:/path`), or up to 16 of them, best first.
   */
  readonly address: ServerOrAddress;
  /** Its version, as semver writes it. Default: none. */
  readonly version?: string;
  /** Address of the registry, or several. Default: the launcher's, else `$CLERK_REGISTRY`, else `http://127.0.0.1:4711`. */
  readonly registry?: string | readonly string[];
  /** For how long it counts as present without renewing, in ms: 1 s to 7 d. Default 10,000. Renewed every third of it. */
  readonly leaseMs?: number;
  /** Its share of the calls, ≥ 0; 0 means: only if there is nobody else. Default 1. */
  readonly weight?: number;
  /** Zone it runs in. Default: none. */
  readonly zone?: string;
  /** Free labels, to search by. Default: none. */
  readonly attributes?: Readonly<Record<string, string>>;
  /** Host it runs on, by which `local-first` knows what is near. Default: this machine's name. */
  readonly host?: string;
  /** Instance id, which nobody else may ever have: 1 to 128 printable characters. Default: the launcher's, else a random one. */
  readonly id?: string;
  /**
   * The handler that `atMostOnce` returned, where the server has it: clerks then learn that the service runs calls at
   * most once, by the attribute `at-most-once`, and the handler learns which calls are meant for this instance. Its
   * store must be ready, or the service is not advertised. Default: none.
   */
  readonly atMostOnce?: (request: never, ...rest: never) => unknown;
  /**
   * Whether it is drained at SIGTERM. The process then ends by that signal as soon as all of its services are drained,
   * unless something else listens for SIGTERM too: whoever does decides when it ends. Default true.
   */
  readonly drainOnSignal?: boolean;
  /** Whether the process exits with code 0 once drained at SIGTERM, whoever else listens for that. Default false. */
  readonly exitAfterDrain?: boolean;
  /** Longest time that draining takes, in ms, > 0; requests still in flight are left alone then. Default 25,000. */
  readonly drainMs?: number;
  /**
   * Whether its load is measured here, as long as the program says none with {@link Advertisement.reportLoad}: how busy the
   * event loop of this thread is, and how many requests a second its server answers and fails. Told with answers of the
   * server and with renewals of the lease. Default true; where `address` is no server nothing is measured.
   */
  readonly measureLoad?: boolean;
  /** Where it says what it cannot throw. Default: process warnings. */
  readonly logger?: Logger;
  /** Gives up the attempt to advertise; nothing once that has succeeded. */
  readonly signal?: AbortSignal;
}

/** Complete and checked. */
export interface AdvertiseConfig {
  readonly name: string | undefined;
  readonly serverOrAddress: ServerOrAddress;
  readonly version: string | null;
  readonly registry: readonly string[] | undefined;
  readonly leaseMs: number;
  readonly weight: number;
  readonly zone: string | null;
  readonly attributes: Readonly<Record<string, string>>;
  readonly host: string | undefined;
  readonly id: string | undefined;
  readonly idempotencyGuard: IdempotencyGuard | undefined;
  readonly drainOnSignal: boolean;
  readonly exitAfterDrain: boolean;
  readonly drainMs: number;
  readonly measureLoad: boolean;
  readonly logger: Logger | undefined;
  readonly signal: AbortSignal | undefined;
}

const keys: readonly (keyof AdvertiseOptions)[] = [
  'name',
  'address',
  'version',
  'registry',
  'leaseMs',
  'weight',
  'zone',
  'attributes',
  'host',
  'id',
  'atMostOnce',
  'drainOnSignal',
  'exitAfterDrain',
  'drainMs',
  'measureLoad',
  'logger',
  'signal',
];

/** @throws a `ClerkError` `CONFIG_INVALID`, `NAME_INVALID` */
export function toAdvertiseConfig(options: AdvertiseOptions): AdvertiseConfig {
  const value: unknown = options;
  if (typeof value !== 'object' || value === null)
    throw advertiseError("needs an object of options such as { name: '/shop/orders', address: server }");
  for (const key of Object.keys(value))
    if (!(keys as readonly string[]).includes(key))
      throw advertiseError(`has the unknown option '${key}'; known are ${keys.join(', ')}`);
  if ((options.address as unknown) === undefined)
    throw advertiseError('needs an address: an http.Server, or an address such as http://10.0.0.7:3001');
  const name = options.name === undefined ? undefined : parseName(options.name);
  const { zone, version, host, id, weight, attributes } = options;
  // The rules are those of every endpoint; a server's address is not known yet.
  const endpoint = toEndpoint(
    {
      ...(isServer(options.address)
        ? { address: 'http://127.0.0.1:1' }
        : Array.isArray(options.address)
          ? { addresses: options.address }
          : { address: options.address }),
      ...definedEntries({ zone, version, host, id, weight, attributes }),
    },
    name ?? 'advertise()',
  );
  return Object.freeze({
    name,
    serverOrAddress: options.address,
    version: version ?? null,
    registry:
      options.registry === undefined
        ? undefined
        : parseRegistryUrls(options.registry, "the option 'registry'"),
    leaseMs: checkMs(
      options.leaseMs ?? limits.defaultLeaseMs,
      limits.minLeaseMs,
      limits.maxLeaseMs,
      'leaseMs',
    ),
    weight: endpoint.weight,
    zone: zone ?? null,
    attributes: endpoint.attributes,
    host,
    id,
    idempotencyGuard: idempotencyGuardOf(options),
    drainOnSignal: options.drainOnSignal ?? true,
    exitAfterDrain: options.exitAfterDrain ?? false,
    drainMs: checkMs(options.drainMs ?? 25_000, 1, limits.maxLeaseMs, 'drainMs'),
    measureLoad: options.measureLoad ?? true,
    logger: options.logger,
    signal: options.signal,
  });
}

/**
 * Addresses of a registry: one, a list, or several in one text with commas between.
 *
 * @throws a `ClerkError` `CONFIG_INVALID`
 */
export function parseRegistryUrls(given: string | readonly string[], source: string): readonly string[] {
  const list = (Array.isArray(given) ? given : String(given).split(',')) as readonly unknown[];
  const urls = list.map((url) => String(url).trim()).filter((url) => url !== '');
  if (urls.length === 0) throw advertiseError(`finds no registry address in ${source}`);
  return Object.freeze(urls);
}

function idempotencyGuardOf({ atMostOnce, attributes }: AdvertiseOptions): IdempotencyGuard | undefined {
  if (atMostOnce === undefined) return undefined;
  const guard = guardOf(atMostOnce);
  if (guard === undefined)
    throw advertiseError("has the option 'atMostOnce', which must be the handler that atMostOnce() returned");
  if (attributes !== undefined && Object.hasOwn(attributes, atMostOnceAttribute))
    throw advertiseError(
      `has the attribute '${atMostOnceAttribute}', which comes from the option 'atMostOnce'`,
    );
  return guard;
}

function checkMs(value: unknown, min: number, max: number, key: string): number {
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw advertiseError(
      `has the ${key} ${String(value)}; it must be a number of ms from ${String(min)} to ${String(max)}`,
    );
  return value;
}

function definedEntries(record: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => value !== undefined));
}

function advertiseError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `advertise() ${message}`);
}
