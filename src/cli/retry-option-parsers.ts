import { InvalidArgumentError } from 'commander';
import type { AttemptTimeoutOptions, RetryOptions } from '../core/retry-options.js';
import { formatDuration } from './format.js';
import { decimalOption, integerOption, millisecondsOption } from './option-parsers.js';

/** Parses `200`, or bounds such as `50..500`, `50..` and `..500`, in ms. */
export function attemptTimeoutOption(text: string): number | AttemptTimeoutOptions {
  const at = text.indexOf('..');
  if (at < 0) return millisecondsOption(text);
  const [min, max] = [text.slice(0, at), text.slice(at + 2)];
  if (min === '' && max === '')
    throw new InvalidArgumentError('The value must be a time such as 200, or bounds such as 50..500.');
  return {
    ...(min !== '' && { min: millisecondsOption(min) }),
    ...(max !== '' && { max: millisecondsOption(max) }),
  };
}

/** Parses `off`, `default`, or settings such as `max=2,statuses=502/503,ratio=0.2,per-second=5`. */
export function retriesOption(text: string): RetryOptions | false | 'default' {
  if (text === 'off') return false;
  if (text === 'default') return text;
  const settings = new Map<string, unknown>();
  for (const part of text.split(',')) {
    const [, key = '', value = ''] = /^([a-z-]+)=(.+)$/.exec(part) ?? [];
    const parse = Object.hasOwn(settingParsers, key) ? settingParsers[key] : undefined;
    if (parse === undefined || settings.has(key))
      throw new InvalidArgumentError(
        `The value must be off, default, or a list of ${Object.keys(settingParsers).join(', ')} such as max=2,ratio=0.2.`,
      );
    settings.set(key, parse(value));
  }
  const { ratio, 'per-second': minPerSecond, ...rest } = Object.fromEntries(settings);
  const hasBudget = ratio !== undefined || minPerSecond !== undefined;
  return { ...rest, ...(hasBudget && { budget: { ratio, minPerSecond } }) } as RetryOptions;
}

const settingParsers: Readonly<Record<string, (text: string) => unknown>> = {
  max: integerOption,
  statuses: (text) => text.split('/').map(integerOption),
  ratio: decimalOption,
  'per-second': decimalOption,
};

/** Formats an attempt timeout: `200 ms`, `50 ms to 500 ms`, `at least 50 ms`. */
export function formatAttemptTimeout(value: number | AttemptTimeoutOptions): string {
  if (typeof value === 'number') return formatDuration(value);
  const { min, max } = value;
  if (max === undefined) return min === undefined ? 'default' : `at least ${formatDuration(min)}`;
  return `${min === undefined ? 'at most' : `${formatDuration(min)} to`} ${formatDuration(max)}`;
}

/** Formats retries in the form of the option `--retries`. */
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
