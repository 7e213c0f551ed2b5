/**
 * Every default with its unit and range. What a program writes is loose and friendly; it is turned once into a frozen,
 * complete configuration, or refused with an error that says what to write instead. Nothing below checks again.
 */
import { kinds, type Kind } from './core/call.js';
import type { Factory } from './core/factory.js';
import { ClerkError } from './core/errors.js';
import type { Logger } from './core/logger.js';
import { absoluteName, parseName } from './core/name.js';
import type { Policy, PolicyFunction, PolicyWord } from './core/policy.js';
import type { Registry } from './core/registry.js';
import type { Runtime } from './core/runtime.js';
import type { TlsOptions } from './core/transport.js';
import type { Dispatcher } from 'undici';
import type { StaticAddresses } from './registry/static.js';

/** What a clerk can be made with. Everything but the registry is optional; an unknown key is an error. */
export interface ClerkOptions {
  /**
   * Where names are looked up: an object whose keys are absolute names (static addresses), or any object with a
   * `resolve` method (a registry of your own, `firstOf(…)`, `union(…)`, `mount(…)`).
   */
  readonly registry: Registry | StaticAddresses;
  /** Put in front of names that do not begin with `/`. Default: none. @see GNS G1 (working root) */
  readonly root?: string;
  /** Certificates for TLS. Default: what Node trusts, and no certificate of our own. */
  readonly tls?: TlsOptions;
  /** Connections per endpoint, 1 … 10,000. Default 64. Calls that must run at most once have as many of their own. */
  readonly connections?: number;
  /** Calls that may wait to be sent, per binding, 1 … 1,000,000. One more fails at once with `LIMIT`. Default 1,024. */
  readonly maxPending?: number;
  /** Name of this host, for `local-first`. Default: the machine's. */
  readonly host?: string;
  /** Zone of this host, for `local-first`. Default: none. */
  readonly zone?: string;
  /** Where requests go that are not for a `.clerk` host. Default: the global dispatcher as it is now. Never closed by us. */
  readonly dispatcher?: Dispatcher;
  /** Options handed to undici's pools: `allowH2`, `headersTimeout`, `bodyTimeout`, `maxResponseSize`, `connect` … */
  readonly undici?: Readonly<Record<string, unknown>>;
  /** Time, chance and sockets. Default: the real ones. Missing parts are the real ones too. */
  readonly runtime?: Partial<Runtime>;
  /** Where the clerk says what it cannot throw. Default: `NODE_DEBUG=binding-clerk`. */
  readonly logger?: Logger;
}

/** What a binding can be made with. */
export interface BindOptions {
  /** Only endpoints whose version satisfies this semver range. Default: any. @see "Building Secure and Reliable Network Applications" B2 */
  readonly version?: string;
  /** How to choose. Default: the service's own rule, else `local-first` over `load-aware`. */
  readonly policy?: PolicyWord | Policy | PolicyFunction;
  /** Key that keeps calls together under the policy `affinity`; a function gets the call's path. Default: none. */
  readonly affinity?: string | ((path: string) => string | undefined);
  /** Time for a call, in ms, > 0 … 2^31 − 1. Default 10,000. */
  readonly timeoutMs?: number;
  /** What a repeat would do. Default: by the method. */
  readonly kind?: Kind;
  /** Starts the service when nobody runs it. Default: none. */
  readonly factory?: Factory;
}

/** A complete clerk configuration. */
export interface Config {
  readonly registry: Registry | StaticAddresses;
  readonly root: string;
  readonly tls: TlsOptions;
  readonly connections: number;
  readonly maxPending: number;
  readonly host: string | undefined;
  readonly zone: string | undefined;
  readonly dispatcher: Dispatcher | undefined;
  readonly undici: Readonly<Record<string, unknown>>;
  readonly runtime: Partial<Runtime>;
  readonly logger: Logger | undefined;
}

/** A complete binding configuration. */
export interface BindConfig {
  readonly name: string;
  readonly version: string | undefined;
  readonly policy: PolicyWord | Policy | PolicyFunction | undefined;
  readonly affinity: string | ((path: string) => string | undefined) | undefined;
  readonly timeoutMs: number;
  readonly kind: Kind | undefined;
  readonly factory: Factory | undefined;
}

/** Defaults that no option changes, each with its unit. */
export const defaults = Object.freeze({
  timeoutMs: 10_000,
  connections: 64,
  maxPending: 1_024,
  /** Names remembered. @see promises C8.3 */
  maxNames: 10_000,
  /** Longest look-up, in ms. */
  lookupTimeoutMs: 5_000,
  /** How long an old answer is used while the registry cannot be asked, in ms. @see promises C1.4 */
  maxStaleMs: 3_600_000,
  /** Repeats per first attempt in any 10 s, and repeats that need no traffic. @see promises C4.1 */
  retryShare: 0.1,
  retryReserve: 30,
});

const longestMs = 2 ** 31 - 1;
const clerkKeys = [
  'registry',
  'root',
  'tls',
  'connections',
  'maxPending',
  'host',
  'zone',
  'dispatcher',
  'undici',
  'runtime',
  'logger',
];
/** What undici's pools take; a misspelt limit would be no limit. `connections` and certificates have options of their own. */
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
const laterClerkKeys = ['key', 'tickets', 'snapshotFile'];
const bindKeys = ['version', 'policy', 'affinity', 'timeoutMs', 'kind', 'factory'];
const laterBindKeys = ['hedge', 'tickets'];

/**
 * Checks the options of a clerk.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID` (root)
 */
export function configOf(written: ClerkOptions | undefined): Config {
  const options = written ?? ({} as ClerkOptions);
  const given = objectOf(options, 'createClerk');
  refuseUnknown(given, clerkKeys, laterClerkKeys, 'createClerk');
  if (given.registry === undefined)
    throw refused(
      "createClerk needs a 'registry': an object of static addresses such as { '/shop/orders': ['http://127.0.0.1:3001'] }, or an object with a resolve method",
    );
  if (typeof given.registry === 'string' || Array.isArray(given.registry))
    throw refused(
      'createClerk cannot use a registry by address in this version; give an object of static addresses, or an object with a resolve method',
    );
  if (typeof given.registry !== 'object' || given.registry === null)
    throw refused(
      `createClerk has a registry that is ${shown(given.registry)}; give an object of static addresses, or an object with a resolve method`,
    );
  for (const key of ['undici', 'runtime', 'tls'] as const)
    if (given[key] !== undefined) objectOf(given[key], `createClerk's ${key}`);
  refuseUnknown(given.undici ?? {}, undiciKeys, [], "createClerk's undici");
  refuseUnknown(given.tls ?? {}, ['ca', 'cert', 'key'], [], "createClerk's tls");
  const logger = given.logger as Record<string, unknown> | undefined;
  if (
    logger !== undefined &&
    ['debug', 'info', 'warn', 'error'].some((method) => typeof logger[method] !== 'function')
  )
    throw refused('createClerk has a logger without the methods debug, info, warn and error');
  const dispatcher = given.dispatcher as Dispatcher | undefined;
  if (dispatcher !== undefined && typeof dispatcher.dispatch !== 'function')
    throw refused('createClerk has a dispatcher without a dispatch method');
  return Object.freeze({
    registry: options.registry,
    root:
      options.root === undefined || options.root === '/' || options.root === ''
        ? ''
        : parseName(options.root),
    tls: options.tls ?? {},
    connections: integerOf(given.connections ?? defaults.connections, 1, 10_000, 'connections'),
    maxPending: integerOf(given.maxPending ?? defaults.maxPending, 1, 1_000_000, 'maxPending'),
    host: textOf(given.host, 'host'),
    zone: textOf(given.zone, 'zone'),
    dispatcher,
    undici: Object.freeze({ ...options.undici }),
    runtime: options.runtime ?? {},
    logger: options.logger,
  });
}

/**
 * Checks a name and the options of a binding.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID`
 */
export function bindConfigOf(name: string, options: BindOptions, root: string): BindConfig {
  const given = objectOf(options, `bind('${name}')`);
  refuseUnknown(given, bindKeys, laterBindKeys, `bind('${name}')`);
  if (given.factory !== undefined && typeof given.factory !== 'function')
    throw refused(`bind('${name}') has a factory that is no function`);
  if (
    given.affinity !== undefined &&
    typeof given.affinity !== 'string' &&
    typeof given.affinity !== 'function'
  )
    throw refused(`bind('${name}') has an affinity that is neither a string nor a function`);
  if (given.version !== undefined && typeof given.version !== 'string')
    throw refused(`bind('${name}') has a version that is no string`);
  return Object.freeze({
    name: absoluteName(name, root),
    version: options.version,
    policy: options.policy,
    affinity: options.affinity,
    timeoutMs: timeoutOf(given.timeoutMs ?? defaults.timeoutMs),
    kind: kindOf(given.kind),
    factory: options.factory,
  });
}

/** Checks a time for a call. @throws {@link ClerkError} `CONFIG_INVALID` */
export function timeoutOf(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0) || value > longestMs)
    throw refused(
      `timeoutMs is ${shown(value)}; it must be a number of ms above 0 and at most ${String(longestMs)}`,
    );
  return value;
}

/** Checks a kind. @throws {@link ClerkError} `CONFIG_INVALID` */
export function kindOf(value: unknown): Kind | undefined {
  if (value === undefined) return undefined;
  if (!(kinds as readonly unknown[]).includes(value))
    throw refused(`kind is ${shown(value)}; it must be one of ${kinds.join(', ')}`);
  return value as Kind;
}

/** Refuses keys that nobody would read. @throws {@link ClerkError} `CONFIG_INVALID` */
export function refuseUnknown(
  given: object,
  known: readonly string[],
  later: readonly string[],
  where: string,
): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    if (later.includes(key))
      throw refused(
        `${where} has the option '${key}', which this version does not support yet; leave it out`,
      );
    throw refused(`${where} has the unknown option '${key}'; known are ${known.join(', ')}`);
  }
}

function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused(
      `${where} needs an object of options, not ${value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value}`,
    );
  return value as Record<string, unknown>;
}

function integerOf(value: unknown, least: number, most: number, key: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    throw refused(
      `${key} is ${shown(value)}; it must be an integer from ${String(least)} to ${String(most)}`,
    );
  return value;
}

function textOf(value: unknown, key: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '')
    throw refused(`${key} is ${shown(value)}; it must be a string that is not empty`);
  return value;
}

/** Anything, as a message shows it. */
function shown(value: unknown): string {
  return typeof value === 'string'
    ? `'${value}'`
    : typeof value === 'object' && value !== null
      ? 'an object'
      : String(value);
}

function refused(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', message);
}
