import { InvalidArgumentError } from 'commander';
import { maxTimerMs } from '../core/clock.js';

/** Accepts 1 to 2^31 − 1. */
export function millisecondsOption(text: string): number {
  const value = integerOption(text);
  if (value === 0) throw new InvalidArgumentError('The value must be above 0.');
  return value;
}

/** Accepts 0 to 2^31 − 1. */
export function integerOption(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw new InvalidArgumentError('The value must be an integer such as 5000.');
  const value = Number(text);
  if (value > maxTimerMs) throw new InvalidArgumentError(`The value must be at most ${maxTimerMs}.`);
  return value;
}

const unitsMs = new Map([
  ['ms', 1],
  ['s', 1_000],
  ['m', 60_000],
  ['h', 3_600_000],
  ['d', 86_400_000],
]);

/** Parses a time with its unit, such as `90s`, `10m` and `24h`. Returns ms. */
export function durationOption(text: string): number {
  const [, digits, unit = ''] = /^([0-9]{1,9})([a-z]{1,2})$/.exec(text) ?? [];
  const unitMs = unitsMs.get(unit);
  if (unitMs === undefined)
    throw new InvalidArgumentError(
      'The value must be a time with a unit (ms, s, m, h or d), such as 90s or 10m.',
    );
  return Number(digits) * unitMs;
}

/** Parses one use of a repeatable option `key=value`. Returns `previous` with the new pair. */
export function keyValueOption(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('The value must have the form key=value.');
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

export function decimalOption(text: string): number {
  if (!/^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(text))
    throw new InvalidArgumentError('The value must be a number such as 0.5.');
  return Number(text);
}
