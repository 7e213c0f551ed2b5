/** Checks of what a program writes, one value each; each says what is wrong, where, and what to write instead. */
import { ClerkError } from './core/errors.js';

/** An object of options. @throws {@link ClerkError} `CONFIG_INVALID` */
export function objectOf(value: unknown, where: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw refused(
      `${where} needs an object of options, not ${value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value}`,
    );
  return value as Record<string, unknown>;
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

/** @throws {@link ClerkError} `CONFIG_INVALID` */
export function integerOf(value: unknown, least: number, most: number, key: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most)
    throw refused(
      `${key} is ${shown(value)}; it must be an integer from ${String(least)} to ${String(most)}`,
    );
  return value;
}

/** A text that is not empty, or nothing. @throws {@link ClerkError} `CONFIG_INVALID` */
export function textOf(value: unknown, key: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '')
    throw refused(`${key} is ${shown(value)}; it must be a string that is not empty`);
  return value;
}

/** Anything, as a message shows it. */
export function shown(value: unknown): string {
  return typeof value === 'string'
    ? `'${value}'`
    : typeof value === 'object' && value !== null
      ? 'an object'
      : String(value);
}

/** The error of an option that cannot work. */
export function refused(message: string): ClerkError {
  return new ClerkError('CONFIG_INVALID', message);
}
