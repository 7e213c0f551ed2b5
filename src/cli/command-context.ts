import { Option, type Command } from 'commander';
import type { Clock } from '../core/clock.js';
import { defaultRegistryUrl } from '../protocol/limits.js';
import { RegistryClient } from './registry-client.js';
import type { Io } from './io.js';
import { millisecondsOption } from './option-parsers.js';
import { Output } from './output.js';
import { registryUrls } from './registry-option.js';

export type AddCommand = (program: Command, io: Io) => void;

/** A command: its help, its options, and its action. */
export interface CommandDefinition<Args extends unknown[]> {
  /** Name and arguments of the command in commander's syntax, such as `ls [glob]`. */
  readonly usage: string;
  /** Summary in the list of commands. */
  readonly summary: string;
  readonly description: string;
  /** Default of `--timeout`, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /**
   * Additional time that `context.client` waits after `--timeout`, in ms, so that the registry itself can report the
   * timeout. Default 0.
   */
  readonly graceMs?: number;
  /** Adds the options that only this command has. */
  readonly options?: (command: Command) => Command;
  /** Example command lines with descriptions. */
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** The action. `args` are the arguments in the order of `usage`, then an object with the options. */
  readonly run: (context: CommandContext, ...args: Args) => Promise<void>;
}

/** The objects and settings that the action of a command uses. */
export interface CommandContext {
  readonly io: Io;
  readonly clock: Clock;
  /** Standard output, for data. */
  readonly stdout: Output;
  /** Standard error, for progress and errors. */
  readonly stderr: Output;
  readonly json: boolean;
  readonly registries: readonly string[];
  /** Value of `--timeout`, in ms. Without the option, the default of the command. */
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
export const commonOptionsHeading = 'Common options:';

export function defineCommand<Args extends unknown[]>(definition: CommandDefinition<Args>): AddCommand {
  const { usage, summary, description, timeoutMs = defaultTimeoutMs, graceMs = 0, run } = definition;
  return (program, io) => {
    const command = program.command(usage).summary(summary).description(description);
    definition.options?.(command);
    addCommonOptions(command, timeoutMs);
    const width = Math.max(...definition.examples.map(([line]) => line.length));
    const lines = definition.examples.map(([line, what]) =>
      width > 48 ? `  ${what}:\n    ${line}` : `  ${line.padEnd(width)}  ${what}`,
    );
    command.addHelpText('after', `\nExamples:\n${lines.join('\n')}\n`);
    command.action(async (...args: unknown[]) => {
      const context = createContext(io, command, graceMs);
      try {
        await run(context, ...(args as Args));
      } finally {
        await context.client.close();
      }
    });
  };
}

/**
 * Adds {@link CommonOptions} to a command or to the program.
 *
 * @param timeoutMs - default of `--timeout`, in ms; undefined for the program
 */
export function addCommonOptions(command: Command, timeoutMs?: number): void {
  const where = `registry URLs, separated by commas (default: $CLERK_REGISTRY or ${defaultRegistryUrl})`;
  for (const option of [
    new Option('--json', 'print JSON, one value per line'),
    new Option('--registry <urls>', where),
    new Option('--timeout <ms>', 'timeout of the command, in ms')
      .argParser(millisecondsOption)
      .default(timeoutMs),
  ])
    command.addOption(option.helpGroup(commonOptionsHeading));
}

/** @throws {@link ClerkError} `CONFIG_INVALID` when a registry URL is invalid */
function createContext(io: Io, command: Command, graceMs: number): CommandContext {
  // An option after the name of the command takes precedence over the same option before the name.
  const programOptions: CommonOptions = command.parent?.opts() ?? {};
  const commandOptions: CommonOptions = command.opts();
  const givenTimeout =
    command.getOptionValueSource('timeout') === 'default' ? programOptions.timeout : commandOptions.timeout;
  const timeoutMs = givenTimeout ?? commandOptions.timeout ?? defaultTimeoutMs;
  const registries = registryUrls(commandOptions.registry ?? programOptions.registry, io.env.CLERK_REGISTRY);
  const { clock, env, stdout, stderr, connect } = io;
  return {
    io,
    clock,
    stdout: new Output(stdout, env),
    stderr: new Output(stderr, env),
    json: commandOptions.json ?? programOptions.json ?? false,
    registries,
    timeoutMs,
    client: new RegistryClient(registries.map(connect), clock, timeoutMs + graceMs),
  };
}
