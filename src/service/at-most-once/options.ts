/** What `atMostOnce` can be told, checked once. */
import type { IdempotencyStore } from '../../core/idempotency-store.js';
import { ClerkError } from '../../core/errors.js';
import type { Logger } from '../../core/logger.js';

/** How calls are kept from running twice. An unknown key is an error. */
export interface AtMostOnceOptions {
  /** Where calls are remembered. Default: `memoryCalls()`, of its own. */
  readonly store?: IdempotencyStore;
  /**
   * For how long a call is remembered after its client made it, in ms: 1,000 to 2,592,000,000 (30 days). An older id is
   * refused with 410, so no duplicate runs late. Default 86,400,000 (24 hours).
   */
  readonly windowMs?: number;
  /** Most bytes of a call's body, ≥ 0; it is read before the handler runs. Beyond: 413. Default 1,048,576 (1 MiB). */
  readonly maxBodyBytes?: number;
  /** Most bytes of an answer's body that are kept, ≥ 0. A repeat of a call with a larger one gets 409. Default 1,048,576. */
  readonly maxResponseBytes?: number;
  /** Where it says what it cannot throw: what the store rejects with. Default: process warnings. */
  readonly logger?: Logger;
}

/** Complete and checked. */
export interface AtMostOnceConfig {
  readonly store: IdempotencyStore | undefined;
  readonly windowMs: number;
  readonly maxBodyBytes: number;
  readonly maxResponseBytes: number;
  readonly logger: Logger | undefined;
}

const keys = ['store', 'windowMs', 'maxBodyBytes', 'maxResponseBytes', 'logger'];
const mebibyte = 1024 * 1024;

/** @throws a `ClerkError` `CONFIG_INVALID` */
export function toAtMostOnceConfig(options: AtMostOnceOptions): AtMostOnceConfig {
  const value: unknown = options;
  if (typeof value !== 'object' || value === null) throw atMostOnceError('needs an object of options');
  for (const key of Object.keys(value))
    if (!keys.includes(key))
      throw atMostOnceError(`has the unknown option '${key}'; known are ${keys.join(', ')}`);
  const { store, logger } = options;
  if (store !== undefined) checkStore(store);
  return Object.freeze({
    store,
    windowMs: checkNumber(options.windowMs ?? 86_400_000, 1_000, 2_592_000_000, 'windowMs'),
    maxBodyBytes: checkNumber(options.maxBodyBytes ?? mebibyte, 0, 2 ** 30, 'maxBodyBytes'),
    maxResponseBytes: checkNumber(options.maxResponseBytes ?? mebibyte, 0, 2 ** 30, 'maxResponseBytes'),
    logger,
  });
}

function checkStore(store: unknown): void {
  const fields = (typeof store === 'object' && store !== null ? store : {}) as Record<string, unknown>;
  const missing = ['begin', 'end', 'withdraw', 'forget'].find((key) => typeof fields[key] !== 'function');
  if (missing !== undefined) throw atMostOnceError(`has a store without the method '${missing}'`);
  if (typeof fields.outlives !== 'boolean')
    throw atMostOnceError("has a store that does not say with 'outlives' whether it outlives the process");
  const { scope } = fields;
  if (scope !== undefined && (typeof scope !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(scope)))
    throw atMostOnceError('has a store whose scope is not 1 to 128 printable characters without blanks');
}

function checkNumber(value: unknown, min: number, max: number, key: string): number {
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw atMostOnceError(
      `has the ${key} ${String(value)}; it must be a number from ${String(min)} to ${String(max)}`,
    );
  return value;
}

function atMostOnceError(what: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `atMostOnce() ${what}`);
}
