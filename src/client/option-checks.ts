import { describeValue } from '../core/describe-value.js';
import { allowListeners, isAbortSignal } from '../core/abort-signal.js';
import { configError } from '../core/errors.js';
import type { Interceptor, Interceptors } from '../core/interceptors.js';
import { optionOwner } from './option-keys.js';

export function checkObject(value: unknown, subject: string): Record<string, unknown> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw configError(`${subject} must be an object of options; got ${describeValue(value)}`);
  return value as Record<string, unknown>;
}

/** @param unsupported - options that get a separate error message, because this version does not support them */
export function rejectUnknownKeys(
  given: object,
  known: readonly string[],
  subject: string,
  unsupported: readonly string[] = [],
): void {
  for (const key of Object.keys(given)) {
    if (known.includes(key)) continue;
    if (unsupported.includes(key))
      throw configError(`${subject}: option '${key}' is not supported by this version; remove the option`);
    const owner = optionOwner(key);
    if (owner !== undefined)
      throw configError(
        `${subject}: option '${key}' belongs to ${owner}; known options are ${known.join(', ')}`,
      );
    throw configError(`${subject}: unknown option '${key}'; known options are ${known.join(', ')}`);
  }
}

/** Returns the options, which must be an object with known keys only. */
export function checkOptions(
  options: unknown,
  known: readonly string[],
  subject: string,
): Record<string, unknown> {
  const given = checkObject(options, `Options of ${subject}`);
  rejectUnknownKeys(given, known, subject);
  return given;
}

export function checkInteger(value: unknown, min: number, max: number, key: string): number {
  if (typeof value !== 'number' || !Number.isInteger(value) || value < min || value > max)
    throw configError(
      `${key} must be an integer from ${String(min)} to ${String(max)}; got ${describeValue(value)}`,
    );
  return value;
}

export function checkString(value: unknown, key: string): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== 'string' || value === '')
    throw configError(
      `${key} must be a string that is not empty; got ${value === '' ? "''" : describeValue(value)}`,
    );
  return value;
}

/** Returns undefined for null. */
export function checkSignal(signal: unknown, subject: string): AbortSignal | undefined {
  if (signal === undefined || signal === null) return undefined;
  if (isAbortSignal(signal)) {
    allowListeners(signal);
    return signal;
  }
  throw configError(`${subject}: signal must be an AbortSignal; got ${describeValue(signal)}`);
}

export type InterceptorLists = Readonly<Record<'call' | 'attempt', readonly Interceptor[]>>;

const interceptorLevels = ['call', 'attempt'] as const;

/** @param subject - the option, such as `createClerk: interceptors` */
export function checkInterceptors(value: unknown, subject: string): InterceptorLists {
  if (value === undefined) return noInterceptors;
  const given = checkObject(value, subject);
  rejectUnknownKeys(given, interceptorLevels, subject);
  for (const level of interceptorLevels) {
    const list = given[level];
    if (list === undefined) continue;
    if (!Array.isArray(list) || list.some((each) => typeof each !== 'function'))
      throw configError(
        `${subject}.${level} must be a list of functions (dispatch) => (options, handler) => …; got ${describeValue(list)}`,
      );
  }
  const { call = [], attempt = [] } = given as Interceptors;
  return Object.freeze({ call: Object.freeze([...call]), attempt: Object.freeze([...attempt]) });
}

const noInterceptors: InterceptorLists = Object.freeze({ call: [], attempt: [] });
