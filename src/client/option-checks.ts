/** Checks of what a program writes, one value each; each says what is wrong, where, and what to write instead. */
import { ClerkError } from '../core/errors.js';

/** An object of options. @throws {@link ClerkError} `CONFIG_INVALID` */
export function checkObject(value: unknown, subject: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw configError(
      `${subject} needs an object of options, not ${value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value}`,
    );
  return value as Record<string, unknown>;
}

/** Refuses keys that nobody would read. @throws {@link ClerkError} `CONFIG_INVALID` */
export function rejectUnknownKeys(
  given: object,
  known: readonly string[],
  unsupported: readonly string[],
  subject: string,
): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    if (unsupported.includes(key))
      throw configError(
        `${subject} has the option '${key}', which this version does not support yet; leave it out`,
      );
    throw configError(`${subject} has the unknown option '${key}'; known are ${known.join(', ')}`);
  }
}

/** @throws {@link ClerkError} `CONFIG_INVALID` */
export function checkInteger(value: unknown, min: number, max: number, key: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw configError(
      `${key} is ${describeValue(value)}; it must be an integer from ${String(min)} to ${String(max)}`,
    );
  return value;
}

/** A text that is not empty, or nothing. @throws {@link ClerkError} `CONFIG_INVALID` */
export function checkString(value: unknown, key: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '')
    throw configError(`${key} is ${describeValue(value)}; it must be a string that is not empty`);
  return value;
}

/** Anything, as a message shows it. */
export function describeValue(value: unknown): string {
  return typeof value === 'string'
    ? `'${value}'`
    : typeof value === 'object' && value !== null
      ? 'an object'
      : String(value);
}

/** The error of an option that cannot work. */
export function configError(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', message);
}
