/**
 * Checks of single option values. Each check throws a `ClerkError` whose message names the option, the valid values
 * and the value given.
 */
import { defaultMaxListeners, getMaxListeners, setMaxListeners } from 'node:events';
import { describeValue } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';

/** Creates the error of an invalid option. */
export function configError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', message);
}

/**
 * Checks that a value is an object, and returns the object.
 *
 * @param subject - start of the error message
 * @throws {@link ClerkError} `CONFIG_INVALID` when the value is not an object
 */
export function checkObject(value: unknown, subject: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw configError(`${subject} must be an object of options; got ${describeValue(value)}`);
  return value as Record<string, unknown>;
}

/**
 * Checks that an object of options has no unknown key.
 *
 * @param known - names of the options that exist
 * @param unsupported - names of options that do not exist yet, but that a later version will have
 * @param subject - start of the error message
 * @throws {@link ClerkError} `CONFIG_INVALID` when `given` has a key that is not in `known`
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

/**
 * Checks that a value is an integer from `min` to `max`, and returns the integer.
 *
 * @param key - name of the option, for the error message
 * @throws {@link ClerkError} `CONFIG_INVALID` when the value is not an integer in this range
 */
export function checkInteger(value: unknown, min: number, max: number, key: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw configError(
      `${key} must be an integer from ${String(min)} to ${String(max)}; got ${describeValue(value)}`,
    );
  return value;
}

/**
 * Checks that a value is a non-empty string or undefined, and returns the value.
 *
 * @param key - name of the option, for the error message
 * @throws {@link ClerkError} `CONFIG_INVALID` when the value is an empty string or neither a string nor undefined
 */
export function checkString(value: unknown, key: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '')
    throw configError(
      `${key} must be a string that is not empty; got ${value === '' ? "''" : describeValue(value)}`,
    );
  return value;
}

/**
 * Checks that a value is an `AbortSignal`, undefined or null.
 *
 * @param subject - start of the error message
 * @returns the signal; undefined for undefined and null
 * @throws {@link ClerkError} `CONFIG_INVALID` when the value is neither an `AbortSignal` nor undefined nor null
 */
export function checkSignal(signal: unknown, subject?: string): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (signal instanceof AbortSignal) {
    // A program may use one signal for many calls. Node reports a leak at the 11th listener of a signal, so the limit
    // is raised to 1,500, as undici's `fetch` does.
    if (getMaxListeners(signal) === defaultMaxListeners) setMaxListeners(1_500, signal);
    return signal;
  }
  throw configError(
    `${subject === undefined ? '' : `${subject}: `}signal must be an AbortSignal; got ${describeValue(signal)}`,
  );
}
