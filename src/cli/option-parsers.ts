import { InvalidArgumentError } from 'commander';

/** Parses a number of milliseconds above 0. */
export function millisecondsOption(text: string): number {
  const value = integerOption(text);
  if (value === 0) throw new InvalidArgumentError('It must be above 0.');
  return value;
}

/** Maximum delay of a timer, in ms. */
const maxTimerMs = 2 ** 31 - 1;

/** Parses an integer from 0 to 2^31 − 1. */
export function integerOption(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw new InvalidArgumentError('It must be an integer such as 5000.');
  const value = Number(text);
  if (value > maxTimerMs) throw new InvalidArgumentError(`It must be at most ${maxTimerMs}.`);
  return value;
}

/** Parses a repeatable option of the form `key=value`. */
export function keyValueOption(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('It must have the form key=value.');
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Parses a number ≥ 0, fractions allowed. */
export function decimalOption(text: string): number {
  if (!/^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(text))
    throw new InvalidArgumentError('It must be a number such as 0.5.');
  return Number(text);
}
