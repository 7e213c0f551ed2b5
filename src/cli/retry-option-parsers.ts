import { InvalidArgumentError } from 'commander';
import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';
import { formatDuration } from './format.js';
import { decimalOption, integerOption, millisecondsOption } from './option-parsers.js';

/** Parses `200`, or bounds such as `50..500`, `50..` and `..500`, in ms. */
export function attemptTimeoutOption(text: string): number | AttemptTimeoutOptions {
  const at = text.indexOf('..');
  if (at < 0) {
    if (Number.isNaN(Number(text)))
      throw new InvalidArgumentError(
        'The value must be a time in ms such as 200, or bounds in ms such as 50..500.',
      );
    return millisecondsOption(text);
  }
  const [min, max] = [text.slice(0, at), text.slice(at + 2)];
  if (min === '' && max === '')
    throw new InvalidArgumentError(
      'The value must be a time in ms such as 200, or bounds in ms such as 50..500.',
    );
  const bounds = {
    ...(min !== '' && { min: partOf('the lower bound', min, millisecondsOption) }),
    ...(max !== '' && { max: partOf('the upper bound', max, millisecondsOption) }),
  };
  if (bounds.min !== undefined && bounds.max !== undefined && bounds.min > bounds.max)
    throw new InvalidArgumentError(
      `The lower bound must be at most the upper bound; got ${text}, use ${max}..${min}.`,
    );
  return bounds;
}

function partOf<T>(part: string, text: string, parse: (text: string) => T): T {
  try {
    return parse(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
    throw new InvalidArgumentError(`In ${part} '${text}': ${error.message}`);
  }
}

/** Parses `off`, `default`, or settings such as `max=2,statuses=502/503,ratio=0.2,per-second=5`. */
export function retriesOption(text: string): RetryOptions | false | 'default' {
  if (text === 'off') return false;
  if (text === 'default') return text;
  const settings = new Map<string, unknown>();
  for (const part of text.split(',')) {
    const [, key = '', value = ''] = /^([a-z-]+)=(.+)$/.exec(part) ?? [];
    const parse = Object.hasOwn(settingParsers, key) ? settingParsers[key] : undefined;
    if (settings.has(key))
      throw new InvalidArgumentError(`The setting ${key} is given twice; remove one of the two.`);
    if (parse === undefined)
      throw new InvalidArgumentError(
        `The value must be off, default, or settings such as max=2,ratio=0.2; the settings are ${Object.keys(settingParsers).join(', ')}; got '${part}'.`,
      );
    settings.set(key, parse(value));
  }
  const { ratio, 'per-second': minPerSecond, ...rest } = Object.fromEntries(settings);
  const hasBudget = ratio !== undefined || minPerSecond !== undefined;
  return { ...rest, ...(hasBudget && { budget: { ratio, minPerSecond } }) } as RetryOptions;
}

const settingParsers: Readonly<Record<string, (text: string) => unknown>> = {
  max: (text) => inRange('max', text, integerOption, 'an integer from 0 to 100', 0, 100),
  statuses: (text) =>
    text
      .split('/')
      .map((one) =>
        inRange('statuses', one, integerOption, 'integers from 400 to 599, separated by /', 400, 599),
      ),
  ratio: (text) => inRange('ratio', text, decimalOption, 'a number from 0 to 1', 0, 1),
  'per-second': (text) => inRange('per-second', text, decimalOption, 'a number from 0 to 10000', 0, 10_000),
};

function inRange(
  setting: string,
  text: string,
  parse: (text: string) => number,
  valid: string,
  min: number,
  max: number,
): number {
  let value = NaN;
  try {
    value = parse(text);
  } catch (error) {
    if (!(error instanceof InvalidArgumentError)) throw error;
  }
  if (value >= min && value <= max) return value;
  throw new InvalidArgumentError(`The setting ${setting} must be ${valid}; got '${text}'.`);
}

/** Returns text such as `200 ms`, `50 ms to 500 ms`, `at least 50 ms`. */
export function formatAttemptTimeout(value: number | AttemptTimeoutOptions): string {
  if (typeof value === 'number') return formatDuration(value);
  const { min, max } = value;
  if (max === undefined) return min === undefined ? 'default' : `at least ${formatDuration(min)}`;
  return `${min === undefined ? 'at most' : `${formatDuration(min)} to`} ${formatDuration(max)}`;
}

export function formatRetries(retries: RetryOptions | false): string {
  if (retries === false) return 'off';
  const { max, statuses, budget } = retries;
  const settings = {
    max,
    statuses: statuses?.join('/'),
    ratio: budget?.ratio,
    'per-second': budget?.minPerSecond,
  };
  return (
    Object.entries(settings)
      .filter(([, value]) => value !== undefined)
      .map((pair) => pair.join('='))
      .join(',') || 'default'
  );
}
