/** Checks of single option values. Each throws a `ClerkError` that names the option, the valid values and the value given. */
import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';
import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';

/** The error of an invalid option. */
export function configError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', message);
}

/** Requires an object. @throws {@link ClerkError} `CONFIG_INVALID` when the value is not an object */
export function checkObject(value: unknown, subject: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw configError(`${subject} must be an object of options; got ${describeValue(value)}`);
  return value as Record<string, unknown>;
}

/**
 * Rejects options that do not exist.
 *
 * @param unsupported - options of a later version
 * @throws {@link ClerkError} `CONFIG_INVALID` when `given` has another key than the known ones
 */
export function rejectUnknownKeys(
  given: object,
  known: readonly string[],
  unsupported: readonly string[],
  subject: string,
): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    if (unsupported.includes(key))
      throw configError(`${subject}: option '${key}' is not supported by this version; remove it`);
    throw configError(`${subject}: unknown option '${key}'; known options are ${known.join(', ')}`);
  }
}

/** Requires an integer in a range. @throws {@link ClerkError} `CONFIG_INVALID` when the value is outside it */
export function checkInteger(value: unknown, min: number, max: number, key: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw configError(
      `${key} must be an integer from ${String(min)} to ${String(max)}; got ${describeValue(value)}`,
    );
  return value;
}

/** Requires a non-empty string or undefined. @throws {@link ClerkError} `CONFIG_INVALID` when it is neither */
export function checkString(value: unknown, key: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '')
    throw configError(
      `${key} must be a string that is not empty; got ${value === '' ? "''" : describeValue(value)}`,
    );
  return value;
}

/**
 * Requires an `AbortSignal`, undefined or null.
 *
 * @param subject - prefix of the error message
 * @throws {@link ClerkError} `CONFIG_INVALID` when it is another value
 */
export function checkSignal(signal: unknown, subject?: string): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (signal instanceof AbortSignal) {
    // One signal may serve many calls. Node warns of a leak at the 11th listener, so raise the limit as fetch does.
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(1_500, signal);
    return signal;
  }
  throw configError(
    `${subject === undefined ? '' : `${subject}: `}signal must be an AbortSignal; got ${describeValue(signal)}`,
  );
}
