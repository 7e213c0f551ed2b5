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
