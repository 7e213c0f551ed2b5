import { Option, type Command } from 'commander';
import type { Clock } from '../core/clock.js';
import { RegistryClient } from './registry-client.js';
import type { Io } from './io.js';
import { millisecondsOption } from './option-parsers.js';
import { Output } from './output.js';
import { registryUrls, defaultRegistryUrl } from './registry-option.js';

/** Name, help and options of a command. */
export interface CommandDefinition {
  /** Name and arguments in commander's syntax: `ls [glob]`. */
  readonly usage: string;
  /** Summary in the list of commands, one line. */
  readonly summary: string;
  /** Description in the command's own help. Default: the summary. */
  readonly description?: string;
  /** Default value of `--timeout` for this command, in ms. Without this property, the default value is 10,000. */
  readonly timeoutMs?: number;
  /** Adds the options that only this command has. */
  readonly options?: (command: Command) => Command;
  /** Example command lines with descriptions. */
  readonly examples: readonly (readonly [line: string, what: string])[];
}

/** The objects and settings that the action of a command uses. */
export interface CommandContext {
  readonly io: Io;
  readonly clock: Clock;
  /** Standard output, for data. */
  readonly stdout: Output;
  /** Standard error, for progress and errors. */
  readonly stderr: Output;
  /** Whether data is printed as JSON. */
  readonly json: boolean;
  /** URLs of the registries. */
  readonly registries: readonly string[];
  /** Value of `--timeout`, or else the default of the command, in ms. */
  readonly timeoutMs: number;
  readonly client: RegistryClient;
}

/** Options that every command accepts, before or after the name of the command. */
interface CommonOptions {
  readonly json?: true;
  readonly registry?: string;
  readonly timeout?: number;
}

const defaultTimeoutMs = 10_000;
/** Help heading of the common options. */
export const commonOptionsHeading = 'Common options:';

/** Adds a command with its help and options. The caller must set the action of the command. */
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
 * Adds {@link CommonOptions} to a command.
 *
 * @param timeoutMs - default of `--timeout` for this command, in ms; undefined when `command` is the program itself,
 * which has no default
 */
export function addCommonOptions(command: Command, timeoutMs?: number): Command {
  const where = `registry URLs, separated by commas (default: $CLERK_REGISTRY or ${defaultRegistryUrl})`;
  return [
    new Option('--json', 'print JSON, one value per line'),
    new Option('--registry <urls>', where),
    new Option('--timeout <ms>', 'timeout of the command, in ms')
      .argParser(millisecondsOption)
      .default(timeoutMs),
  ].reduce((all, option) => all.addOption(option.helpGroup(commonOptionsHeading)), command);
}

/**
 * Creates the context of a command from its options.
 *
 * @param graceMs - time that `client` waits beyond `--timeout`, in ms. Commands that send the timeout to the registry
 * use this time, so that the registry can still report that the timeout has passed. Default 0.
 * @throws {@link ClerkError} `CONFIG_INVALID` when a registry URL is invalid
 */
export function createContext(io: Io, command: Command, graceMs = 0): CommandContext {
  // An option can be given before the name of the command (`programOptions`) or after the name (`commandOptions`).
  // The option after the name wins. A default value applies only when the option is given in neither place.
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
