import type { Command } from 'commander';
import type { Clock } from '../core/clock.js';
import { definedFields } from '../core/defined-fields.js';
import type { Identity } from '../core/identity.js';
import type { KeyPin } from '../core/key-pin.js';
import { openRegistryAdmin } from '../admin/open-registry-admin.js';
import type { RegistryAdmin } from '../admin/index.js';
import { addCommonOptions, commonOptionsOf, type CommonOptions } from './common-options.js';
import { openCredentials } from './registry-credentials.js';
import type { Io } from './io.js';
import { Output } from './output.js';
import { registryUrls } from './registry-option.js';

export type AddCommand = (program: Command, io: Io) => void;

export interface CommandDefinition<Args extends unknown[]> {
  /** The command with its arguments in the syntax of commander, such as `ls [glob]`. */
  readonly usage: string;
  readonly summary: string;
  readonly description: string;
  /** Default of the option `--timeout`, in ms. Default 10,000. */
  readonly timeoutMs?: number;
  /**
   * Whether the identity file is opened before the command runs. If false, the command must not use
   * `context.registry`. Default true.
   */
  readonly opensIdentity?: boolean;
  readonly options?: (command: Command) => Command;
  readonly examples: readonly (readonly [line: string, what: string])[];
  /** `args` are the arguments in the order of `usage`, followed by an object with the options. */
  readonly run: (context: CommandContext, ...args: Args) => Promise<void>;
}

/**
 * The addresses and keys of the registry, and the identity of the user, as options of `createClerk` and `advertise`.
 */
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
  readonly registry: RegistryAdmin;
}

const defaultTimeoutMs = 10_000;

export function defineCommand<Args extends unknown[]>(definition: CommandDefinition<Args>): AddCommand {
  const { usage, summary, description, timeoutMs = defaultTimeoutMs, run } = definition;
  const { opensIdentity = true } = definition;
  return (program, io) => {
    const command = program.command(usage).summary(summary).description(description);
    definition.options?.(command);
    addCommonOptions(command, timeoutMs);
    addExamples(command, definition.examples);
    command.action(async (...args: unknown[]) => {
      const context = await createContext(io, command, opensIdentity);
      try {
        await run(context, ...(args as Args));
      } finally {
        await context.registry.close();
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

async function createContext(io: Io, command: Command, opensIdentity: boolean): Promise<CommandContext> {
  const options = commonOptionsOf(command);
  const timeoutMs =
    options.timeout ?? (command.getOptionValue('timeout') as number | undefined) ?? defaultTimeoutMs;
  const { clock, env, stdout, stderr } = io;
  const credentials = opensIdentity ? await openCredentials(options, env) : undefined;
  const urls = registryUrls({
    option: options.registry,
    environment: env.CLERK_REGISTRY,
    identity: credentials?.identity?.registry,
    needsTls: credentials !== undefined,
  });
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
    registry: openRegistryAdmin({
      urls,
      credentials: credentials?.identity,
      registryKeys: credentials?.registryKeys,
      timeoutMs,
    }),
  };
}
