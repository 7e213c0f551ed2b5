import type { IdempotencyStore } from '../../core/idempotency-store.js';
import { ClerkError } from '../../core/errors.js';
import { escapingLogger, type Logger } from '../../core/logger.js';

/** Options of {@link atMostOnce}. An unknown key is an error. */
export interface AtMostOnceOptions {
  /** Store for calls. Default in a worker: the store of `coordinateWorkers()`, if used; else a new `memoryCalls()`. */
  readonly store?: IdempotencyStore;
  /**
   * Time for which a call is stored, in ms: 1,000 to 2,592,000,000 (30 d). The time counts from the creation of the
   * key. Older keys are rejected with 410, so that a late duplicate does not run. Default 86,400,000 (24 h).
   */
  readonly windowMs?: number;
  /** Maximum size of a request body, in bytes, ≥ 0. A request with a larger body gets 413. Default 1,048,576. */
  readonly maxBodyBytes?: number;
  /**
   * Maximum size of a stored response body, in bytes, ≥ 0. A retry of a call with a larger response body gets 409.
   * Default 1,048,576.
   */
  readonly maxResponseBytes?: number;
  /** Receives warnings and errors of the store, which cannot be thrown to a caller. Default: process warnings. */
  readonly logger?: Logger;
}

const keys = Object.keys({
  store: true,
  windowMs: true,
  maxBodyBytes: true,
  maxResponseBytes: true,
  logger: true,
} satisfies Record<keyof AtMostOnceOptions, true>);
const mebibyte = 1024 * 1024;

export function toAtMostOnceConfig(options: AtMostOnceOptions) {
  const value: unknown = options;
  if (typeof value !== 'object' || value === null) throw atMostOnceError('needs an options object');
  for (const key of Object.keys(value))
    if (!keys.includes(key))
      throw atMostOnceError(`got the unknown option '${key}'; known options are ${keys.join(', ')}`);
  const { store, logger } = options;
  if (store !== undefined) checkStore(store);
  return Object.freeze({
    store,
    windowMs: checkNumber(options.windowMs ?? 86_400_000, 1_000, 2_592_000_000, 'windowMs'),
    maxBodyBytes: checkNumber(options.maxBodyBytes ?? mebibyte, 0, 2 ** 30, 'maxBodyBytes'),
    maxResponseBytes: checkNumber(options.maxResponseBytes ?? mebibyte, 0, 2 ** 30, 'maxResponseBytes'),
    logger: logger && escapingLogger(logger),
  });
}

function checkStore(store: unknown): void {
  const fields = (typeof store === 'object' && store !== null ? store : {}) as Record<string, unknown>;
  const missing = ['begin', 'end', 'withdraw', 'expire'].find((key) => typeof fields[key] !== 'function');
  if (missing !== undefined) throw atMostOnceError(`needs a store with the method '${missing}'`);
  if (typeof fields.isDurable !== 'boolean')
    throw atMostOnceError("needs a store with the boolean field 'isDurable'");
  const { scope } = fields;
  if (scope !== undefined && (typeof scope !== 'string' || !/^[\x21-\x7e]{1,128}$/.test(scope)))
    throw atMostOnceError(
      "needs a store whose field 'scope' is a string of 1 to 128 printable characters without spaces",
    );
}

function checkNumber(value: unknown, min: number, max: number, key: string): number {
  if (typeof value !== 'number' || !(value >= min && value <= max))
    throw atMostOnceError(`needs a value from ${min} to ${max} for ${key}; got ${String(value)}`);
  return value;
}

function atMostOnceError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `atMostOnce() ${message}`);
}
