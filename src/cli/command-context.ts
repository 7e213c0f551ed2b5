import { Option, type Command } from 'commander';
import type { Clock } from '../core/clock.js';
import { defaultRegistryUrl } from '../protocol/limits.js';
import { RegistryClient } from './registry-client.js';
import type { Io } from './io.js';
import { millisecondsOption } from './option-parsers.js';
import { Output } from './output.js';
import { registryUrls } from './registry-option.js';

export type AddCommand = (program: Command, io: Io) => void;

export interface CommandDefinition<Args extends unknown[]> {
  /** In commander's syntax, such as `ls [glob]`. */
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  /** Default of `--timeout`. If undefined, 10,000 ms. */
  readonly timeoutMs?: number;
  /**
   * Additional time that `context.client` waits after `--timeout`, so that the registry itself can report the
   * timeout.
   */
  readonly graceMs?: number;
  readonly options?: (command: Command) => Command;
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** `args` are the arguments in the order of `usage`, then an object with the options. */
  readonly run: (context: CommandContext, ...args: Args) => Promise<void>;
}

export interface CommandContext {
  readonly io: Io;
  readonly clock: Clock;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly json: boolean;
  readonly registries: readonly string[];
  readonly timeoutMs: number;
  readonly client: RegistryClient;
}

/** Options that every command accepts, before or after its name. */
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

function createContext(io: Io, command: Command, graceMs: number): CommandContext {
  // An option after the command name takes precedence over the same option before the name.
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
