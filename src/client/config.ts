/**
 * Every default with its unit and range. What a program writes is loose and friendly; it is turned once into a frozen,
 * complete configuration, or refused with an error that says what to write instead. Nothing below checks again.
 */
import {
  checkInteger,
  checkObject,
  configError,
  rejectUnknownKeys,
  describeValue,
  checkString,
} from './option-checks.js';
import { parseAddress, type Address } from '../core/address.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { parseName } from '../core/name.js';
import type { Registry } from '../core/registry.js';
import type { Runtime } from '../core/runtime.js';
import type { TlsOptions } from '../core/transport.js';
import type { Dispatcher } from 'undici';
import type { ClerkOptions } from './options.js';
import type { StaticAddresses } from '../registry/static-registry.js';

/** A complete clerk configuration. */
export interface ClerkConfig {
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
  subsetSize: 100,
  /** Names remembered. @see promises C8.3 */
  maxNames: 10_000,
  /** Longest look-up, in ms. */
  lookupTimeoutMs: 5_000,
  /** How long an old answer is used while the registry cannot be asked, in ms. @see promises C1.4 */
  maxStaleMs: 3_600_000,
  /** Repeats per first attempt in any 10 s, and repeats that need no traffic. @see promises C4.1 */
  retryRatio: 0.1,
  retryReserve: 30,
  /** Second attempts per call of a binding that is hedged. */
  hedgeBudgetRatio: 0.05,
});

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
const unsupportedClerkKeys = ['key', 'tickets'];
/** Registries by address that are still to come. */
const unsupportedSchemes = ['etcd', 'dns', 'kubernetes', 'file'];
/**
 * Checks the options of a clerk.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID`, `NAME_INVALID` (root)
 */
export function toClerkConfig(options: ClerkOptions): ClerkConfig {
  const given = checkObject(options, 'createClerk');
  rejectUnknownKeys(given, clerkKeys, unsupportedClerkKeys, 'createClerk');
  for (const key of ['undici', 'runtime', 'tls'] as const)
    if (given[key] !== undefined) checkObject(given[key], `createClerk's ${key}`);
  rejectUnknownKeys(given.undici ?? {}, undiciKeys, [], "createClerk's undici");
  rejectUnknownKeys(given.tls ?? {}, ['ca', 'cert', 'key'], [], "createClerk's tls");
  const logger = given.logger as Record<string, unknown> | undefined;
  if (
    logger !== undefined &&
    ['debug', 'info', 'warn', 'error'].some((method) => typeof logger[method] !== 'function')
  )
    throw configError('createClerk has a logger without the methods debug, info, warn and error');
  const dispatcher = given.dispatcher as Dispatcher | undefined;
  if (dispatcher !== undefined && typeof dispatcher.dispatch !== 'function')
    throw configError('createClerk has a dispatcher without a dispatch method');
  return Object.freeze({
    registry: toRegistryConfig(options.registry),
    snapshotFile: checkString(given.snapshotFile, 'snapshotFile'),
    root:
      options.root === undefined || options.root === '/' || options.root === ''
        ? ''
        : parseName(options.root),
    tls: options.tls ?? {},
    connections: checkInteger(given.connections ?? defaults.connections, 1, 10_000, 'connections'),
    maxPending: checkInteger(given.maxPending ?? defaults.maxPending, 1, 1_000_000, 'maxPending'),
    host: checkString(given.host, 'host'),
    zone: checkString(given.zone, 'zone'),
    dispatcher,
    undici: Object.freeze(definedEntries(options.undici ?? {})),
    runtime: options.runtime ?? {},
    logger: options.logger,
  });
}

/** Without the options that are given as undefined: those are not given, and would hide a default. */
function definedEntries(options: Readonly<Record<string, unknown>>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
}

/** What stands behind the option `registry`, or in its place. */
function toRegistryConfig(given: unknown): ClerkConfig['registry'] {
  if (typeof given === 'object' && given !== null && !Array.isArray(given))
    return given as Registry | StaticAddresses;
  const environmentValue = process.env.CLERK_REGISTRY;
  const isFromEnvironment = given === undefined && environmentValue !== undefined && environmentValue !== '';
  const subject = isFromEnvironment ? '$CLERK_REGISTRY' : "createClerk's registry";
  const list: unknown = isFromEnvironment
    ? environmentValue.split(',')
    : given === undefined
      ? defaults.registry
      : given;
  const urls = (Array.isArray(list) ? list : [list]) as readonly unknown[];
  if (urls.length === 0)
    throw configError(`${subject} is an empty list; give it an address, or leave it out`);
  return Object.freeze(urls.map((url) => checkServerUrl(url, subject)));
}

function checkServerUrl(url: unknown, subject: string): string {
  if (typeof url !== 'string')
    throw configError(
      `${subject} has ${describeValue(url)} where an address should be; give addresses such as 'http://127.0.0.1:4711', an object of static addresses, or an object with a resolve method`,
    );
  const scheme = /^([a-z0-9+]+):/i.exec(url.trim())?.[1]?.toLowerCase() ?? '';
  if (unsupportedSchemes.includes(scheme))
    throw configError(
      `${subject} has an address of the form '${scheme}:', which this version does not support yet; give the address of a registry server`,
    );
  const { protocol, text } = parseServerAddress(url.trim(), subject);
  if (protocol === 'tcp')
    throw configError(`${subject} has the address '${text}'; it must begin with http: or https:`);
  return text;
}

function parseServerAddress(url: string, subject: string): Address {
  try {
    return parseAddress(url);
  } catch (error) {
    throw new ClerkError('CONFIG_INVALID', `${subject}: ${errorMessage(error)}`, { cause: error });
  }
}
