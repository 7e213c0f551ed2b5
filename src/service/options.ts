import { isUnspecified, parseAddress, urlHost } from '../core/address.js';
import type { CredentialProvider } from '../core/credentials.js';
import { definedFields } from '../core/defined-fields.js';
import { describeValue, quote } from '../core/describe-value.js';
import { toEndpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type { Identity } from '../core/identity.js';
import { parsePins } from '../core/key-pin.js';
import { escapingLogger, type Logger } from '../core/logger.js';
import { parseName } from '../core/name.js';
import { isSemver, nearestSemver } from '../core/semver.js';
import { atMostOnceAttribute } from '../protocol/call-headers.js';
import { limits } from '../protocol/limits.js';
import type { IdempotencyGuard } from './at-most-once/idempotency-guard.js';
import { guardOf } from './at-most-once/wrap-handler.js';
import { checkIdentitySource } from './registry-proof.js';
import { isServer, type ServerOrAddress } from './server-addresses.js';
import { parseRegistryList } from '../registry-client/registry-access.js';

/** Options of {@link advertise}. An unknown key is an error. */
export interface AdvertiseOptions {
  /** Absolute name of the service. Required unless a launcher started this process. */
  readonly name?: string;
  /**
   * Where the service listens: a server, or 1 to 16 addresses, best first. A server is an `http.Server`, an
   * `https.Server` or an HTTP/2 server, and may begin to listen later. An address is `http(s)://host:port`,
   * `tcp://host:port` or `unix:/path`. Clients do not call an address before it accepts a connection; see
   * {@link advertise}.
   */
  readonly address: ServerOrAddress;
  /** Semver version of the service, such as `2.1.0`. Default: none. */
  readonly version?: string;
  /**
   * Registry addresses. Default: the addresses from the launcher, else `$CLERK_REGISTRY`, else the addresses in the
   * identity file, else `http://127.0.0.1:4711`. With an identity, the last default is `https://127.0.0.1:4711`.
   */
  readonly registry?: string | readonly string[];
  /**
   * The identity that the service proves to the registry: the path of an identity file, an `Identity`, or a function
   * that returns credentials. If `address` is a server, the server gets the key of the identity, now and after each
   * change of the key. Default: the identity of a launched instance, else `$CLERK_IDENTITY`, else none.
   */
  readonly identity?: string | Identity | CredentialProvider;
  /**
   * One or more pins of registry keys. A registry that does not prove one of these keys gets no request. Default:
   * `$CLERK_REGISTRY_KEY`, else the registry keys in the identity file.
   */
  readonly registryKey?: string | readonly string[];
  /**
   * Lease duration, in ms: 1,000 to 604,800,000 (7 d). The lease is renewed after a third of this time. Default 10,000.
   */
  readonly leaseMs?: number;
  /**
   * Relative share of the calls, 0 to 1,000. A clerk limits the weight to ten times the median weight of all endpoints.
   * An endpoint with weight 0 gets calls only if no other endpoint is available. Default 1.
   */
  readonly weight?: number;
  /** Zone of the service. Default: none. */
  readonly zone?: string;
  /** Labels by which clients can select endpoints. Default: none. */
  readonly attributes?: Readonly<Record<string, string>>;
  /**
   * Host name or IP address at which clients reach the service. If `address` is a server, clients get this host with
   * the port of the server, and no other address. Default for a server: `$CLERK_ADVERTISE_HOST`, else the address
   * that the server listens on. A server on `0.0.0.0` or `::` has all addresses of this host. If `address` is a list
   * of addresses, the policy `local-first` compares this option with the host name of the client. Default for
   * addresses: the name of this host.
   */
  readonly host?: string;
  /**
   * Instance id: 1 to 128 printable characters, which no other instance ever uses. While another live process is
   * registered with this id, `advertise` logs the address of that process and retries. If that process renews its
   * lease, `advertise` rejects with `FORBIDDEN`. Default: the id from the launcher, else a random id.
   *
   * @see [C5.8](../../docs/guarantees.md#c5-8)
   */
  readonly id?: string;
  /**
   * The handler that `atMostOnce` returned, if the server uses one. Clients then see the attribute `at-most-once`,
   * and the handler rejects requests for other instances. `advertise` rejects if the store of the handler cannot be
   * opened. Default: none.
   */
  readonly atMostOnce?: (request: never, ...rest: never) => unknown;
  /**
   * Whether the service drains at SIGTERM and SIGINT. When all services of the process have drained, the process ends
   * by the same signal. A process with PID 1 ends with code 143 or 130. A second signal ends the process at once. A
   * program with its own listener for the signal must end the process itself. Default true.
   */
  readonly drainOnSignal?: boolean;
  /** Whether the process exits with code 0 after draining at SIGTERM or SIGINT. Default false. */
  readonly exitAfterDrain?: boolean;
  /** Maximum duration of draining, in ms, > 0. Requests that are still in flight are not aborted. Default 25,000. */
  readonly drainMs?: number;
  /**
   * Whether the load is measured while there is no valid report by {@link Advertisement.reportLoad}. The measured
   * load is the event-loop utilization of this thread, and the requests and failures per second. Needs a server as
   * `address`. Default true.
   */
  readonly measureLoad?: boolean;
  /** Receives warnings and errors that cannot be thrown to a caller. Default: process warnings. */
  readonly logger?: Logger;
  /**
   * Aborts the registration, and withdraws a registration that the registry may have accepted. Has no effect after
   * the service is registered.
   */
  readonly signal?: AbortSignal;
}

export type AdvertiseConfig = ReturnType<typeof toAdvertiseConfig>;

const keys = Object.keys({
  name: true,
  address: true,
  version: true,
  registry: true,
  identity: true,
  registryKey: true,
  leaseMs: true,
  weight: true,
  zone: true,
  attributes: true,
  host: true,
  id: true,
  atMostOnce: true,
  drainOnSignal: true,
  exitAfterDrain: true,
  drainMs: true,
  measureLoad: true,
  logger: true,
  signal: true,
} satisfies Record<keyof AdvertiseOptions, true>);

export function toAdvertiseConfig(options: AdvertiseOptions) {
  const value: unknown = options;
  if (typeof value !== 'object' || value === null)
    throw advertiseError("needs an options object such as { name: '/shop/orders', address: server }");
  for (const key of Object.keys(value))
    if (!keys.includes(key))
      throw advertiseError(`got the unknown option '${key}'; known options are ${keys.join(', ')}`);
  if ((options.address as unknown) === undefined)
    throw advertiseError('needs an address: an http.Server, or an address such as http://10.0.0.7:3001');
  const name = options.name === undefined ? undefined : parseName(options.name);
  const { zone, version, host, id, weight, attributes } = options;
  if (version !== undefined && !isSemver(version))
    throw advertiseError(
      `needs a semver version such as ${nearestSemver(version)} in the option 'version'; got ${describeValue(version)}`,
    );
  // A server may not have an address yet, so `toEndpoint` checks a fixed address in its place.
  const endpoint = toEndpoint(
    {
      ...(isServer(options.address)
        ? { address: `http://${hostInAddress(host, "the option 'host'") ?? '127.0.0.1'}:1` }
        : Array.isArray(options.address)
          ? { addresses: options.address }
          : { address: options.address }),
      ...definedFields({ zone, version, host, id, weight, attributes }),
    },
    name ?? 'advertise()',
  );
  return Object.freeze({
    name,
    serverOrAddress: options.address,
    version: version ?? null,
    registry: checkRegistry(options.registry),
    identity: checkIdentity(options.identity),
    registryKeys:
      options.registryKey === undefined
        ? undefined
        : parsePins(options.registryKey, "The option 'registryKey' of advertise()"),
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
    logger: options.logger && escapingLogger(options.logger),
    signal: options.signal,
  });
}

function checkRegistry(given: string | readonly string[] | undefined): readonly string[] | undefined {
  if (given === undefined) return undefined;
  const list: unknown = Array.isArray(given) ? given.join(',') : given;
  return parseRegistryList(String(list), "advertise(): the option 'registry'");
}

/**
 * Returns a host as part of a URL. An IPv6 address gets brackets.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when clients cannot connect to the host
 */
export function hostInAddress(host: string | undefined, source: string): string | undefined {
  if (host === undefined) return undefined;
  const text = host.replace(/^\[(.*)\]$/, '$1');
  if (isUnspecified(text))
    throw advertiseError(
      `needs one host name or IP address in ${source}; got ${text}, which stands for all addresses; set one address of this host`,
    );
  const bracketed = urlHost(text);
  try {
    parseAddress(`http://${bracketed}:1`);
  } catch {
    throw advertiseError(
      `needs a host name or an IP address, without port, in ${source}; got ${quote(host)}`,
    );
  }
  return bracketed;
}

function checkIdentity(source: AdvertiseOptions['identity']): AdvertiseOptions['identity'] {
  if (source !== undefined) checkIdentitySource(source, 'advertise()');
  return source;
}

function idempotencyGuardOf({ atMostOnce, attributes }: AdvertiseOptions): IdempotencyGuard | undefined {
  if (atMostOnce === undefined) return undefined;
  const guard = guardOf(atMostOnce);
  if (guard === undefined)
    throw advertiseError(
      "got an option 'atMostOnce' that is not a handler returned by atMostOnce(); wrap the handler with atMostOnce() first",
    );
  if (attributes !== undefined && Object.hasOwn(attributes, atMostOnceAttribute))
    throw advertiseError(
      `sets the attribute '${atMostOnceAttribute}' itself; remove '${atMostOnceAttribute}' from the option 'attributes'`,
    );
  return guard;
}

function checkMs(value: unknown, min: number, max: number, key: string): number {
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw advertiseError(`needs a ${key} from ${min} to ${max} ms; got ${String(value)}`);
  return value;
}

function advertiseError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `advertise() ${message}`);
}
