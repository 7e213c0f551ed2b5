import type { Command } from 'commander';
import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import type { Identity } from '../core/identity.js';
import type { KeyPin } from '../core/key-pin.js';
import { addCommonOptions, commonOptionsOf, type CommonOptions } from './common-options.js';
import { RegistryClient } from './registry-client.js';
import { openCredentials } from './registry-credentials.js';
import type { Io } from './io.js';
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
  /** False: the command reads identity files itself. `context.client` must not be used. Default true. */
  readonly opensIdentity?: boolean;
  readonly options?: (command: Command) => Command;
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** `args` are the arguments in the order of `usage`, then an object with the options. */
  readonly run: (context: CommandContext, ...args: Args) => Promise<void>;
}

/** The registry, and what is proved there, as options of `createClerk` and `advertise`. */
export interface RegistryOptions {
  readonly registry: readonly string[];
  readonly registryKey?: readonly KeyPin[];
  readonly identity?: Identity;
}

export interface CommandContext {
  readonly io: Io;
  readonly clock: Clock;
  readonly stdout: Output;
  readonly stderr: Output;
  readonly json: boolean;
  readonly options: CommonOptions;
  readonly registryOptions: RegistryOptions;
  readonly timeoutMs: number;
  readonly client: RegistryClient;
}

const defaultTimeoutMs = 10_000;

export function defineCommand<Args extends unknown[]>(definition: CommandDefinition<Args>): AddCommand {
  const { usage, summary, description, timeoutMs = defaultTimeoutMs, graceMs = 0, run } = definition;
  const { opensIdentity = true } = definition;
  return (program, io) => {
    const command = program.command(usage).summary(summary).description(description);
    definition.options?.(command);
    addCommonOptions(command, timeoutMs);
    addExamples(command, definition.examples);
    command.action(async (...args: unknown[]) => {
      const context = await createContext(io, command, graceMs, opensIdentity);
      try {
        await run(context, ...(args as Args));
      } finally {
        await context.client.close();
      }
    });
  };
}

export function addExamples(
  command: Command,
  examples: readonly (readonly [line: string, what: string])[],
): void {
  const width = Math.max(...examples.map(([line]) => line.length));
  const lines = examples.map(([line, what]) =>
    width > 48 ? `  ${what}:\n    ${line}` : `  ${line.padEnd(width)}  ${what}`,
  );
  command.addHelpText('after', `\nExamples:\n${lines.join('\n')}\n`);
}

async function createContext(
  io: Io,
  command: Command,
  graceMs: number,
  opensIdentity: boolean,
): Promise<CommandContext> {
  const options = commonOptionsOf(command);
  const timeoutMs =
    options.timeout ?? (command.getOptionValue('timeout') as number | undefined) ?? defaultTimeoutMs;
  const { clock, env, stdout, stderr, connect } = io;
  const credentials = opensIdentity ? await openCredentials(options, env) : undefined;
  const urls = registryUrls({
    option: options.registry,
    environment: env.CLERK_REGISTRY,
    identity: credentials?.identity?.registry,
    needsTls: credentials !== undefined,
  });
  const connections = urls.map((url) => connect(url, credentials));
  const registryKey = credentials?.registryKeys;
  return {
    io,
    clock,
    stdout: new Output(stdout, env),
    stderr: new Output(stderr, env),
    json: options.json ?? false,
    options,
    registryOptions: definedFields({
      registry: urls,
      registryKey: registryKey?.length === 0 ? undefined : registryKey,
      identity: credentials?.identity,
    }),
    timeoutMs,
    client: new RegistryClient(connections, clock, timeoutMs + graceMs),
  };
}
