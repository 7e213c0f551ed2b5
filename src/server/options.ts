/** What a server is started with: loose options in, complete ones or a clear error out. */
import { ClerkError } from '../core/errors.js';
import type { Logger } from '../core/logger.js';
import { quote } from '../core/describe-value.js';
import { limits } from '../protocol/limits.js';
import type { ServerRuntime } from './ports.js';

/** Options of {@link startServer}. All are optional; an unknown one is an error. */
export interface ServerOptions {
  /** Port, 0–65535; 0 takes any that is free. Default 4711. */
  readonly port?: number;
  /** Address to listen at. Default 127.0.0.1: this machine alone. There is no password; think before widening it. */
  readonly host?: string;
  /** Folder that keeps names over restarts; made when it is not there. Default: they are kept in memory only. */
  readonly data?: string;
  /** Folder with manifests of what may be started here. Default: nothing may. */
  readonly manifests?: string;
  /** Host names, without a port, that mean this server beside loopback, `host` and the address asked. Default none. */
  readonly allowedHosts?: readonly string[];
  /** A watch without an event says that it lives this often, in ms; 10 … 3,600,000. Default 5,000. */
  readonly heartbeatMs?: number;
  /** Where the server says what it cannot answer. Default: nowhere. */
  readonly logger?: Logger;
  /** Time, chance and hashing; missing parts are the real ones. */
  readonly runtime?: Partial<ServerRuntime>;
}

/** Complete options. */
export interface ServerConfig {
  readonly port: number;
  readonly host: string;
  readonly data: string | undefined;
  readonly manifests: string | undefined;
  readonly allowedHosts: readonly string[];
  readonly heartbeatMs: number;
  readonly logger: Logger;
  readonly runtime: Partial<ServerRuntime>;
}

const noop = (): void => undefined;
const silentLogger: Logger = Object.freeze({ debug: noop, info: noop, warn: noop, error: noop });

const knownOptions: ReadonlySet<string> = new Set<keyof ServerOptions>([
  'port',
  'host',
  'data',
  'manifests',
  'allowedHosts',
  'heartbeatMs',
  'logger',
  'runtime',
]);

/** @throws ClerkError `CONFIG_INVALID`, naming the option and what to write */
export function toServerConfig(options: ServerOptions): ServerConfig {
  for (const key of Object.keys(options))
    if (!knownOptions.has(key))
      throw configError(`Option ${quote(key)} is unknown; known are ${[...knownOptions].join(', ')}`);
  const {
    port = 4711,
    host = '127.0.0.1',
    allowedHosts = [],
    heartbeatMs = limits.heartbeatMs,
    logger = silentLogger,
    runtime = {},
  } = options;
  if (!isIntegerBetween(port, 0, 65_535))
    throw configError(`Option port must be a whole number from 0 to 65535`);
  if (!isIntegerBetween(heartbeatMs, 10, 3_600_000))
    throw configError('Option heartbeatMs must be a whole number of ms from 10 to 3,600,000');
  if (!isNonEmptyString(host) || /[\s/]/.test(host))
    throw configError(
      "Option host must be an address of this machine such as '127.0.0.1' or '::1', without a port",
    );
  if (!Array.isArray(allowedHosts) || !allowedHosts.every(isNonEmptyString))
    throw configError("Option allowedHosts must be a list of host names such as ['registry.internal']");
  return Object.freeze({
    port,
    host,
    data: checkFolder(options.data, 'data'),
    manifests: checkFolder(options.manifests, 'manifests'),
    allowedHosts,
    heartbeatMs,
    logger,
    runtime,
  });
}

function checkFolder(value: unknown, option: string): string | undefined {
  if (value === undefined || isNonEmptyString(value)) return value;
  throw configError(`Option ${option} must be the path of a folder`);
}

function isNonEmptyString(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0');
}

function isIntegerBetween(value: unknown, min: number, max: number): boolean {
  return typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max;
}

function configError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', message);
}
