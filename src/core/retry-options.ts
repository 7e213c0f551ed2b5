import { maxTimerMs } from './clock.js';
import { describeValue } from './describe-value.js';
import { isObject } from './is-object.js';

/** Bounds of the attempt timeout, in ms. */
export interface AttemptTimeoutOptions {
  /** Shortest attempt timeout, above 0 and at most `max`. Default 25. */
  readonly min?: number | undefined;
  /**
   * Longest attempt timeout, at most 2^31 − 1. Default 1,000. After 20 responses of a route class, the default for
   * that class is half of the call timeout, but at least 1,000.
   */
  readonly max?: number | undefined;
}

/** Limits for the retries of all calls to a service. Calls with the same limits share one budget. */
export interface RetryBudgetOptions {
  /** Allowed retries per call on average, 0 … 1. Default 0.1: one retry per ten calls. */
  readonly ratio?: number | undefined;
  /** Retries per second that are allowed in addition to `ratio`, 0 … 10,000. Default 3. */
  readonly minPerSecond?: number | undefined;
}

/** Which calls are retried, and how often. The kind of a call decides whether the call may be retried at all. */
export interface RetryOptions {
  /** Maximum number of retries of one call, 0 … 100. Default 4. */
  readonly max?: number | undefined;
  /** Response statuses after which a safe or idempotent call is retried, 400 … 599. Default 429, 502, 503, 504. */
  readonly statuses?: readonly number[] | undefined;
  /** Limits for the retries of all calls to the service. */
  readonly budget?: RetryBudgetOptions | undefined;
}

/**
 * Retry settings of a request, a binding or a service config. An undefined field of the request is taken from the
 * binding, else from the service config, else from the defaults.
 */
export interface RetryOverrides {
  readonly attemptTimeoutMs?: number | AttemptTimeoutOptions | undefined;
  readonly retries?: RetryOptions | false | undefined;
}

/** Returns the setting that allows no retry at all; undefined if these options allow retries. */
export function settingWithoutRetries(retries: RetryOptions | false | undefined): string | undefined {
  if (retries === false) return 'retries: false';
  if (retries?.max === 0) return 'retries.max: 0';
  const { ratio, minPerSecond } = retries?.budget ?? {};
  return ratio === 0 && minPerSecond === 0
    ? 'retries.budget.ratio: 0 and retries.budget.minPerSecond: 0'
    : undefined;
}

type CreateError = (problem: string) => Error;

const maxRetries = 100;

export function checkAttemptTimeout(
  value: unknown,
  createError: CreateError,
): number | AttemptTimeoutOptions | undefined {
  if (value === undefined || isDuration(value)) return value;
  if (!isObject(value))
    throw createError(
      `attemptTimeoutMs must be a number of ms above 0 and at most ${String(maxTimerMs)}, or an object with min and max; got ${describeValue(value)}`,
    );
  const { min, max } = checkedFields(value, ['min', 'max'], 'attemptTimeoutMs', createError);
  for (const [key, bound] of Object.entries({ min, max }))
    if (bound !== undefined && !isDuration(bound))
      throw createError(
        `attemptTimeoutMs.${key} must be a number of ms above 0 and at most ${String(maxTimerMs)}; got ${describeValue(bound)}`,
      );
  const bounds = { min, max } as AttemptTimeoutOptions;
  if (bounds.min !== undefined && bounds.max !== undefined && bounds.min > bounds.max)
    throw createError(
      `attemptTimeoutMs.min must be at most attemptTimeoutMs.max; got min ${String(bounds.min)} and max ${String(bounds.max)}`,
    );
  return Object.freeze(bounds);
}

export function checkRetries(value: unknown, createError: CreateError): RetryOptions | false | undefined {
  if (value === undefined || value === false) return value;
  if (!isObject(value))
    throw createError(
      `retries must be false or an object with max, statuses or budget, such as { max: 3 }; got ${describeValue(value)}`,
    );
  const { max, statuses, budget } = checkedFields(
    value,
    ['max', 'statuses', 'budget'],
    'retries',
    createError,
  );
  if (max !== undefined && !isInteger(max, 0, maxRetries))
    throw createError(
      `retries.max must be an integer from 0 to ${String(maxRetries)}; got ${describeValue(max)}`,
    );
  if (statuses !== undefined && !Array.isArray(statuses))
    throw createError(`retries.statuses must be a list of statuses; got ${describeValue(statuses)}`);
  for (const status of (statuses ?? []) as readonly unknown[])
    if (!isInteger(status, 400, 599))
      throw createError(
        `retries.statuses must contain only integers from 400 to 599; got ${describeValue(status)}`,
      );
  return Object.freeze({
    max: max as number | undefined,
    statuses: statuses === undefined ? undefined : Object.freeze([...(statuses as readonly number[])]),
    budget: checkBudget(budget, createError),
  });
}

function checkBudget(value: unknown, createError: CreateError): RetryBudgetOptions | undefined {
  if (value === undefined) return undefined;
  if (!isObject(value))
    throw createError(
      `retries.budget must be an object with ratio or minPerSecond; got ${describeValue(value)}`,
    );
  const { ratio, minPerSecond } = checkedFields(
    value,
    ['ratio', 'minPerSecond'],
    'retries.budget',
    createError,
  );
  if (ratio !== undefined && !isNumber(ratio, 0, 1))
    throw createError(`retries.budget.ratio must be a number from 0 to 1; got ${describeValue(ratio)}`);
  if (minPerSecond !== undefined && !isNumber(minPerSecond, 0, 10_000))
    throw createError(
      `retries.budget.minPerSecond must be a number from 0 to 10000; got ${describeValue(minPerSecond)}`,
    );
  return Object.freeze({ ratio, minPerSecond });
}

function checkedFields(
  value: Record<string, unknown>,
  known: readonly string[],
  option: string,
  createError: CreateError,
): Record<string, unknown> {
  for (const key of Object.keys(value))
    if (!known.includes(key))
      throw createError(`${option} has the unknown option '${key}'; known options are ${known.join(', ')}`);
  return value;
}

function isDuration(value: unknown): value is number {
  return typeof value === 'number' && value > 0 && value <= maxTimerMs;
}

function isNumber(value: unknown, min: number, max: number): value is number {
  return typeof value === 'number' && value >= min && value <= max;
}

function isInteger(value: unknown, min: number, max: number): boolean {
  return Number.isInteger(value) && isNumber(value, min, max);
}
