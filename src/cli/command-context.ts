/** What all commands have in common: the options that each takes, examples in its help, and what its action works with. */
import { InvalidArgumentError, Option, type Command } from 'commander';
import type { Clock } from '../core/clock.js';
import { RegistryClient } from './registry-client.js';
import type { Io } from './io.js';
import { Output } from './output.js';
import { registryUrls, defaultRegistryUrl } from './registry-option.js';

/** How a command presents itself. */
export interface CommandDefinition {
  /** Name and arguments, as commander writes them: `ls [glob]`. */
  readonly usage: string;
  /** One line. */
  readonly summary: string;
  /** What it does, for its own help. Default: the summary. */
  readonly description?: string;
  /** Time for an answer unless `--timeout` says otherwise, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /** Adds options of its own. */
  readonly options?: (command: Command) => Command;
  /** Command lines that work, each with what it is for. */
  readonly examples: readonly (readonly [line: string, what: string])[];
}

/** What an action works with. */
export interface CommandContext {
  readonly io: Io;
  readonly clock: Clock;
  /** Data. */
  readonly stdout: Output;
  /** Progress and errors. */
  readonly stderr: Output;
  /** Whether programs read the data. */
  readonly json: boolean;
  readonly registries: readonly string[];
  /** What `--timeout` says, else what is usual for the command, in ms. */
  readonly timeoutMs: number;
  readonly client: RegistryClient;
}

/** Options that every command takes, before its name or behind it. */
interface CommonOptions {
  readonly json?: true;
  readonly registry?: string;
  readonly timeout?: number;
}

const defaultTimeoutMs = 10_000;
/** Heading of the options that every command takes. */
export const commonOptionsHeading = 'For every command:';

/** Adds a command. Its action is given by the caller. */
export function addCommand(program: Command, definition: CommandDefinition): Command {
  const { usage, summary, description, timeoutMs = defaultTimeoutMs, options, examples } = definition;
  const command = program
    .command(usage)
    .summary(summary)
    .description(description ?? summary);
  options?.(command);
  addCommonOptions(command, timeoutMs);
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) =>
    width > 48 ? `  ${what}:\n    ${line}` : `  ${line.padEnd(width)}  ${what}`,
  );
  return command.addHelpText('after', `\nExamples:\n${lines.join('\n')}\n`);
}

/**
 * The options of {@link CommonOptions}.
 *
 * @param timeoutMs - what is usual for the command; none before a command's name
 */
export function addCommonOptions(command: Command, timeoutMs?: number): Command {
  const where = `where to ask, several with commas (default: $CLERK_REGISTRY, else ${defaultRegistryUrl})`;
  return [
    new Option('--json', 'print JSON, one value a line'),
    new Option('--registry <urls>', where),
    new Option('--timeout <ms>', 'time for an answer, in ms')
      .argParser(millisecondsOption)
      .default(timeoutMs),
  ].reduce((all, option) => all.addOption(option.helpGroup(commonOptionsHeading)), command);
}

/**
 * What the action of a command works with.
 *
 * @param graceMs - so much later the client itself gives up, where the registry is told how long to wait. Default 0.
 * @throws `CONFIG_INVALID` for a registry that cannot be one
 */
export function createContext(io: Io, command: Command, graceMs = 0): CommandContext {
  // What stands behind the command's name counts more than what stands before it, and both more than a default.
  const programOptions: CommonOptions = command.parent?.opts() ?? {};
  const commandOptions: CommonOptions = command.opts();
  const givenTimeout =
    command.getOptionValueSource('timeout') === 'default' ? programOptions.timeout : commandOptions.timeout;
  const timeoutMs = givenTimeout ?? commandOptions.timeout ?? defaultTimeoutMs;
  const registries = registryUrls(commandOptions.registry ?? programOptions.registry, io.env.CLERK_REGISTRY);
  return {
    io,
    clock: io.clock,
    stdout: new Output(io.stdout, io.env),
    stderr: new Output(io.stderr, io.env),
    json: commandOptions.json ?? programOptions.json ?? false,
    registries,
    timeoutMs,
    client: new RegistryClient({ urls: registries, timeoutMs: timeoutMs + graceMs, clock: io.clock }),
  };
}

/** Reads a number of ms above 0. */
export function millisecondsOption(text: string): number {
  const value = integerOption(text);
  if (value === 0) throw new InvalidArgumentError('It must be above 0.');
  return value;
}

/** The longest time that a timer can be set for, in ms. */
const maxTimerMs = 2 ** 31 - 1;

/** Reads a whole number of at most 2^31 − 1, ≥ 0. */
export function integerOption(text: string): number {
  if (!/^[0-9]+$/.test(text)) throw new InvalidArgumentError('Write a whole number such as 5000.');
  const value = Number(text);
  if (value > maxTimerMs) throw new InvalidArgumentError(`It must be at most ${maxTimerMs}.`);
  return value;
}

/** Collects `key=value` options. */
export function keyValueOption(
  text: string,
  previous: Readonly<Record<string, string>> = {},
): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new InvalidArgumentError('Write it as key=value.');
  return { ...previous, [text.slice(0, at)]: text.slice(at + 1) };
}

/** Reads a number ≥ 0, fractions allowed. */
export function decimalOption(text: string): number {
  if (!/^[0-9]{1,9}(\.[0-9]{1,9})?$/.test(text))
    throw new InvalidArgumentError('Write a number such as 0.5.');
  return Number(text);
}
