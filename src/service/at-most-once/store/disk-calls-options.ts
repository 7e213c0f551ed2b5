import { ClerkError } from '../../../core/errors.js';
import { describeValue } from '../../../core/describe-value.js';

/** Options of {@link diskCalls}. */
export interface DiskCallsOptions {
  /**
   * Maximum number of stored calls: 1 to 10,000,000. Each call takes about 130 bytes of memory. When the store is full,
   * calls older than 1 min are removed, oldest first. If that makes no room, new calls are rejected with 503 before
   * they run. One caller takes at most three quarters of the store. Default 1,000,000.
   */
  readonly maxCalls?: number;
  /**
   * Maximum size of the files, in bytes, at least 1,048,576; may be exceeded by a group of calls that are written
   * together. A file is removed when all of its calls have expired. Default 1,073,741,824 (1 GiB).
   */
  readonly maxBytes?: number;
}

const minBytes = 1024 * 1024;

/** @throws {@link ClerkError} `CONFIG_INVALID` when an option is invalid */
export function checkDiskCallsOptions(options: DiskCallsOptions): Required<DiskCallsOptions> {
  const { maxCalls = 1_000_000, maxBytes = 1024 * minBytes, ...unknown } = options;
  const [key] = Object.keys(unknown);
  if (key !== undefined)
    throw diskCallsError(`got the unknown option '${key}'; known options are maxCalls, maxBytes`);
  if (!Number.isInteger(maxCalls) || maxCalls < 1 || maxCalls > 10_000_000)
    throw diskCallsError(`needs an integer maxCalls from 1 to 10000000; got ${describeValue(maxCalls)}`);
  if (typeof maxBytes !== 'number' || !(maxBytes >= minBytes))
    throw diskCallsError(`needs a number maxBytes ≥ ${minBytes}; got ${describeValue(maxBytes)}`);
  return { maxCalls, maxBytes };
}

function diskCallsError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', `diskCalls() ${message}`);
}
