import type { Dispatcher } from 'undici';
import { configError } from '../core/errors.js';
import { definedFields } from '../core/defined-fields.js';
import { describeValue } from '../core/describe-value.js';
import { allowedAddressProblem } from '../core/address-policy.js';
import type { Logger } from '../core/logger.js';
import { parseName } from '../core/name.js';
import type { Registry } from '../core/registry.js';
import { defaultMaxResponseSize } from '../core/response-limit.js';
import type { Runtime } from '../core/runtime.js';
import type { TlsOptions } from '../core/transport.js';
import type { StaticAddresses } from '../registry/static-registry.js';
import { registryUrlsOf } from '../registry-client/registry-access.js';
import { serverRegistryOf } from '../registry/remote/remote-registry.js';
import { toIdentityConfig, type IdentityConfig } from './identity-config.js';
import {
  checkInteger,
  checkInterceptors,
  checkObject,
  checkString,
  rejectUnknownKeys,
  type InterceptorLists,
} from './option-checks.js';
import { clerkKeys } from './option-keys.js';
import type { ClerkOptions } from './options.js';

export interface ClerkConfig extends IdentityConfig {
  readonly registry: Registry | StaticAddresses | readonly string[];
  readonly snapshotFile: string | undefined;
  readonly root: string;
  readonly tls: TlsOptions;
  readonly connections: number;
  /** If undefined, half of the maximum number of open files of the process applies. */
  readonly maxSockets: number | undefined;
  readonly maxPending: number;
  readonly closeTimeoutMs: number;
  /** Maximum size in bytes; may be Infinity. */
  readonly maxResponseSize: number;
  readonly allowAddresses: readonly string[];
  readonly redirects: 'all' | 'names';
  readonly host: string | undefined;
  readonly zone: string | undefined;
  readonly dispatcher: Dispatcher | undefined;
  readonly undici: Readonly<Record<string, unknown>>;
  readonly interceptors: InterceptorLists;
  readonly runtime: Partial<Runtime>;
  readonly logger: Logger | undefined;
}

export const defaults = Object.freeze({
  timeoutMs: 10_000,
  connections: 64,
  maxPending: 1_024,
  closeTimeoutMs: 30_000,
  subsetSize: 100,
  /** Maximum number of names in each cache of the clerk. @see [C8.3](../../docs/guarantees.md#c8-3) */
  maxNames: 10_000,
  lookupTimeoutMs: 5_000,
  /** Time in ms for which an expired resolution may be used. @see [C1.4](../../docs/guarantees.md#c1-4) */
  maxStaleMs: 3_600_000,
  /** Maximum number of hedges, as a fraction of the calls in the last 10 s. */
  hedgeBudgetRatio: 0.05,
});

const tlsKeys = Object.keys({ ca: true, cert: true, key: true } satisfies Record<keyof TlsOptions, true>);
const logMethods = ['debug', 'info', 'warn', 'error'];
/** Any other key is rejected, because undici would ignore a misspelt key. */
const undiciKeys = [
  'allowH2',
  'autoSelectFamily',
  'autoSelectFamilyAttemptTimeout',
  'bodyTimeout',
  'clientTtl',
  'connect',
  'connectTimeout',
  'headersTimeout',
  'keepAliveMaxTimeout',
  'keepAliveTimeout',
  'keepAliveTimeoutThreshold',
  'localAddress',
  'maxCachedSessions',
  'maxConcurrentStreams',
  'maxHeaderSize',
  'maxRequestsPerClient',
  'maxResponseSize',
  'pingInterval',
  'pipelining',
  'strictContentLength',
  'webSocket',
];
const unsupportedClerkKeys = ['key'];

/**
 * @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid
 * @throws {@link ClerkError} `NAME_INVALID` when `root` breaks the naming rules
 */
export function toClerkConfig(options: ClerkOptions): ClerkConfig {
  const given = checkObject(options, 'Options of createClerk');
  rejectUnknownKeys(given, clerkKeys, 'createClerk', unsupportedClerkKeys);
  for (const key of ['undici', 'runtime', 'tls'] as const)
    if (given[key] !== undefined) checkObject(given[key], `createClerk: ${key}`);
  rejectUnknownKeys(given.undici ?? {}, undiciKeys, 'createClerk: undici');
  rejectUnknownKeys(given.tls ?? {}, tlsKeys, 'createClerk: tls');
  const logger = given.logger as Record<string, unknown> | undefined;
  if (logger !== undefined && logMethods.some((method) => typeof logger[method] !== 'function'))
    throw configError(`createClerk: logger must have the methods ${logMethods.join(', ')}`);
  const dispatcher = given.dispatcher as Dispatcher | undefined;
  if (dispatcher !== undefined && typeof dispatcher.dispatch !== 'function')
    throw configError('createClerk: dispatcher must have a dispatch method');
  const integer = (key: keyof ClerkOptions, min: number, max: number, byDefault: number): number =>
    given[key] === undefined ? byDefault : checkInteger(given[key], min, max, `createClerk: ${key}`);
  const registry = toRegistryConfig(given);
  const urls = isUrlList(registry) ? registry : undefined;
  return Object.freeze({
    registry,
    ...toIdentityConfig(given, urls, urls !== undefined || serverRegistryOf(registry) !== undefined),
    snapshotFile: checkString(given.snapshotFile, 'createClerk: snapshotFile'),
    root:
      options.root === undefined || options.root === '/' || options.root === ''
        ? ''
        : parseName(options.root, 'createClerk: root'),
    tls: options.tls ?? {},
    connections: integer('connections', 1, 10_000, defaults.connections),
    maxSockets: given.maxSockets === undefined ? undefined : integer('maxSockets', 1, 1_000_000, 1),
    maxPending: integer('maxPending', 1, 1_000_000, defaults.maxPending),
    closeTimeoutMs: integer('closeTimeoutMs', 0, 2 ** 31 - 1, defaults.closeTimeoutMs),
    maxResponseSize: toMaxResponseSize(given.maxResponseSize),
    allowAddresses: toAllowedAddresses(given.allowAddresses),
    redirects: toRedirects(given.redirects),
    host: checkString(given.host, 'createClerk: host'),
    zone: checkString(given.zone, 'createClerk: zone'),
    dispatcher,
    // An undefined value would override a default of undici.
    undici: Object.freeze(definedFields(options.undici ?? {})),
    interceptors: checkInterceptors(given.interceptors, 'createClerk: interceptors'),
    runtime: options.runtime ?? {},
    logger: options.logger,
  });
}

function toMaxResponseSize(value: unknown): number {
  if (value === undefined) return defaultMaxResponseSize;
  if (value === Infinity || (Number.isSafeInteger(value) && (value as number) >= 1)) return value as number;
  throw configError(
    `createClerk: maxResponseSize must be an integer of bytes ≥ 1, or Infinity for no limit; got ${describeValue(value)}`,
  );
}

function toAllowedAddresses(value: unknown): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value))
    throw configError(`createClerk: allowAddresses must be a list; got ${describeValue(value)}`);
  return Object.freeze(
    value.map((entry: unknown) => {
      const problem = typeof entry === 'string' ? allowedAddressProblem(entry) : 'must be a string';
      if (problem === undefined) return entry as string;
      throw configError(`createClerk: an entry of allowAddresses ${problem}; got ${describeValue(entry)}`);
    }),
  );
}

function toRedirects(value: unknown): 'all' | 'names' {
  if (value === undefined || value === 'all' || value === 'names') return value ?? 'all';
  throw configError(`createClerk: redirects must be 'all' or 'names'; got ${describeValue(value)}`);
}

export function isUrlList(registry: ClerkConfig['registry']): registry is readonly string[] {
  return Array.isArray(registry);
}

function toRegistryConfig(given: Readonly<Record<string, unknown>>): ClerkConfig['registry'] {
  const { registry } = given;
  if (typeof registry === 'object' && registry !== null && !Array.isArray(registry))
    return registry as Registry | StaticAddresses;
  return registryUrlsOf(
    given,
    'createClerk: registry',
    'an object of static addresses, or an object with a resolve method',
  );
}
