/**
 * Every default with its unit and range. What a program writes is loose and friendly; it is turned once into a frozen,
 * complete configuration, or refused with an error that says what to write instead. Nothing below checks again.
 */
import { parseAddress, type Address } from './core/address.js';
import { kinds, type Kind } from './core/call.js';
import type { Factory } from './core/factory.js';
import { ClerkError, reasonOf } from './core/errors.js';
import type { Logger } from './core/logger.js';
import { absoluteName, parseName } from './core/name.js';
import type { Policy, PolicyFunction, PolicyWord } from './core/policy.js';
import type { Registry } from './core/registry.js';
import type { Runtime } from './core/runtime.js';
import type { TlsOptions } from './core/transport.js';
import type { Dispatcher } from 'undici';
import type { HedgeConfig } from './invoke/hedging.js';
import type { BindOptions, ClerkOptions } from './options.js';
import type { StaticAddresses } from './registry/static.js';

export type { BindOptions, ClerkOptions };

/** A complete clerk configuration. */
export interface Config {
  /** A port, static addresses, or the addresses of servers that stand in for one another. */
  readonly registry: Registry | StaticAddresses | readonly string[];
  readonly snapshotFile: string | undefined;
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
  readonly subset: number;
  readonly timeoutMs: number;
  /** Whether the program has set it. */
  readonly tellsTime: boolean;
  readonly kind: Kind | undefined;
  readonly hedge: HedgeConfig | undefined;
  readonly factory: Factory | undefined;
}

/** Defaults that no option changes, each with its unit. */
export const defaults = Object.freeze({
  /** The registry on this host. */
  registry: 'http://127.0.0.1:4711',
  timeoutMs: 10_000,
  connections: 64,
  maxPending: 1_024,
  /**
   * Endpoints of a large fleet that one clerk uses. With twelve, one that fails is noticed by one call in twelve at most;
   * weights and load even out with many more, and a hundred connections are no burden yet. @see Finagle, aperture; gRFC A68
   */
  subset: 100,
  /** Names remembered. @see promises C8.3 */
  maxNames: 10_000,
  /** Longest look-up, in ms. */
  lookupTimeoutMs: 5_000,
  /** How long an old answer is used while the registry cannot be asked, in ms. @see promises C1.4 */
  maxStaleMs: 3_600_000,
  /** Repeats per first attempt in any 10 s, and repeats that need no traffic. @see promises C4.1 */
  retryShare: 0.1,
  retryReserve: 30,
  /** Second attempts per call of a binding that is hedged. */
  hedgeShare: 0.05,
});

const longestMs = 2 ** 31 - 1;
const clerkKeys = [
  'registry',
  'snapshotFile',
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
const laterClerkKeys = ['key', 'tickets'];
/** Registries by address that are still to come. */
const laterSchemes = ['etcd', 'dns', 'kubernetes', 'file'];
const bindKeys = ['version', 'policy', 'affinity', 'subset', 'timeoutMs', 'kind', 'hedge', 'factory'];
/** A smaller part could fail as a whole. */
const leastSubset = 12;
const laterBindKeys = ['tickets'];

/**
 * Checks the options of a clerk.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID` (root)
 */
export function configOf(options: ClerkOptions): Config {
  const given = objectOf(options, 'createClerk');
  refuseUnknown(given, clerkKeys, laterClerkKeys, 'createClerk');
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
    registry: registryOf(options.registry),
    snapshotFile: textOf(given.snapshotFile, 'snapshotFile'),
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
    subset: subsetOf(given.subset ?? defaults.subset, `bind('${name}')`),
    timeoutMs: timeoutOf(given.timeoutMs ?? defaults.timeoutMs, `bind('${name}')`),
    tellsTime: given.timeoutMs !== undefined,
    kind: kindOf(given.kind, `bind('${name}')`),
    hedge: hedgeOf(given.hedge, `bind('${name}')`),
    factory: options.factory,
  });
}

/** Checks how a binding is hedged. @throws {@link ClerkError} `CONFIG_INVALID` */
function hedgeOf(value: unknown, where: string): HedgeConfig | undefined {
  if (value === undefined || value === false) return undefined;
  const given = value === true ? {} : objectOf(value, `${where}: hedge is true, false, or an object, and`);
  refuseUnknown(given, ['afterMs', 'share'], [], `${where}, hedge,`);
  const { afterMs, share = defaults.hedgeShare } = given;
  if (afterMs !== undefined && !(typeof afterMs === 'number' && afterMs >= 0 && afterMs <= longestMs))
    throw refused(`${where}: hedge.afterMs is ${shown(afterMs)}; it must be a number of ms from 0`);
  if (typeof share !== 'number' || !(share > 0 && share <= 1))
    throw refused(
      `${where}: hedge.share is ${shown(share)}; it must be above 0 and at most 1: second attempts per call`,
    );
  return Object.freeze({ afterMs, share });
}

/** Checks a time for a call. `where`: who has it. @throws {@link ClerkError} `CONFIG_INVALID` */
export function timeoutOf(value: unknown, where?: string): number {
  if (typeof value !== 'number' || !(value > 0) || value > longestMs)
    throw refused(
      `${where === undefined ? '' : `${where}: `}timeoutMs is ${shown(value)}; it must be a number of ms above 0 and at most ${String(longestMs)}`,
    );
  return value;
}

/** Checks a kind. `where`: who has it. @throws {@link ClerkError} `CONFIG_INVALID` */
export function kindOf(value: unknown, where?: string): Kind | undefined {
  if (value === undefined) return undefined;
  if (!(kinds as readonly unknown[]).includes(value))
    throw refused(
      `${where === undefined ? '' : `${where}: `}kind is ${shown(value)}; it must be one of ${kinds.join(', ')}`,
    );
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

/** What stands behind the option `registry`, or in its place. */
function registryOf(given: unknown): Config['registry'] {
  if (typeof given === 'object' && given !== null && !Array.isArray(given))
    return given as Registry | StaticAddresses;
  const written = process.env.CLERK_REGISTRY;
  const isFromOutside = given === undefined && written !== undefined && written !== '';
  const where = isFromOutside ? '$CLERK_REGISTRY' : "createClerk's registry";
  const list: unknown = isFromOutside ? written.split(',') : given === undefined ? defaults.registry : given;
  const urls = (Array.isArray(list) ? list : [list]) as readonly unknown[];
  if (urls.length === 0) throw refused(`${where} is an empty list; give it an address, or leave it out`);
  return Object.freeze(urls.map((url) => serverOf(url, where)));
}

function serverOf(url: unknown, where: string): string {
  if (typeof url !== 'string')
    throw refused(
      `${where} has ${shown(url)} where an address should be; give addresses such as 'http://127.0.0.1:4711', an object of static addresses, or an object with a resolve method`,
    );
  const scheme = /^([a-z0-9+]+):/i.exec(url.trim())?.[1]?.toLowerCase() ?? '';
  if (laterSchemes.includes(scheme))
    throw refused(
      `${where} has an address of the form '${scheme}:', which this version does not support yet; give the address of a registry server`,
    );
  const { protocol, text } = addressOf(url.trim(), where);
  if (protocol === 'tcp')
    throw refused(`${where} has the address '${text}'; it must begin with http: or https:`);
  return text;
}

function addressOf(url: string, where: string): Address {
  try {
    return parseAddress(url);
  } catch (error) {
    throw new ClerkError('CONFIG_INVALID', `${where}: ${reasonOf(error)}`, { cause: error });
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

function subsetOf(value: unknown, where: string): number {
  if (value === Infinity || (Number.isInteger(value) && (value as number) >= leastSubset))
    return value as number;
  throw refused(
    `${where} has the subset ${shown(value)}; it must be an integer from ${String(leastSubset)} on, or Infinity for the whole fleet`,
  );
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
