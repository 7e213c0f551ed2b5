/** `clerk define`: a service with its rules, whether or not anybody runs it yet. */
import type { Command } from 'commander';
import { ClerkError } from '../../core/errors.js';
import type { DefineRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { printChange } from '../print-change.js';
import {
  addCommand,
  createContext,
  keyValueOption,
  integerOption,
  type CommandContext,
} from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { styled } from '../output.js';

interface Options {
  readonly policy?: string | false;
  readonly callTimeout?: number | false;
  readonly guarantee?: number;
  readonly launch?: string | false;
  readonly param?: Readonly<Record<string, string>>;
  readonly whenExpired?: true;
}

/** Adds the command. */
export function addDefineCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'define <name>',
    summary: 'define a service, or change its rules',
    description:
      'Define a service, or change how it is chosen and started. What is not said stays as it is. A change that a promise stands against is refused, or made later with --when-expired.',
    options: (own) =>
      own
        .option('--policy <word>', 'how callers choose among endpoints')
        .option('--no-policy', 'leave that to the callers')
        .option(
          '--call-timeout <ms>',
          'how long a call may take whose caller says nothing, in ms',
          integerOption,
        )
        .option('--no-call-timeout', "leave that to the callers' default")
        .option(
          '--promise <ms>',
          'for how long these rules are promised, in ms; 0 for not at all',
          integerOption,
        )
        .option('--launch <manifest>', "start it on demand by this manifest of the registry's operator")
        .option('--no-launch', 'do not start it on demand')
        .option('--param <key=value>', 'a parameter of the manifest; may be given again', keyValueOption)
        .option('--when-expired', 'if promised otherwise, change it when the last promise is over'),
    examples: [
      ['clerk define /shop/orders --policy load-aware', 'choose by load'],
      ['clerk define /shop/orders --call-timeout 2000', 'a call has two seconds'],
      ['clerk define /shop/orders --promise 60000', 'its rules stay for a minute'],
      ['clerk define /shop/orders --launch orders', 'start it on demand'],
      ['clerk define /shop/orders --no-launch', 'and no longer'],
    ],
  });
  command.action((name: string, options: Options) => define(createContext(io, command), name, options));
}

async function define(context: CommandContext, text: string, options: Options): Promise<void> {
  const { policy, callTimeout, guarantee, launch, param, whenExpired } = options;
  const name = parseNameArgument(text);
  if (param !== undefined && typeof launch !== 'string')
    throw new ClerkError('CONFIG_INVALID', 'A --param is of a manifest; say which with --launch');
  const request: DefineRequest = {
    name,
    ...(policy !== undefined && { policy: policy === false ? null : policy }),
    ...(callTimeout !== undefined && { timeoutMs: callTimeout === false ? null : callTimeout }),
    ...(guarantee !== undefined && { guaranteedMs: guarantee }),
    ...(launch === false && { launch: null }),
    ...(typeof launch === 'string' && {
      launch: { manifest: launch, ...(param !== undefined && { params: param }) },
    }),
    ...(whenExpired && { whenExpired }),
  };
  const reply = await context.client.post(paths.define, request);
  await printChange(context, reply, { name }, `Defined ${name}`, `${name} is frozen and changes`);
  if (typeof launch === 'string' && !context.json) await warnIfNoManifest(context, name, launch);
}

/** Its operator may bring the manifest later, so this is no error; whoever mistyped it wants to know now. */
async function warnIfNoManifest(
  { client, stderr }: CommandContext,
  name: string,
  manifest: string,
): Promise<void> {
  // What is done is done, whatever comes of this question.
  const response = await client.get(paths.resolve, { name }).catch(() => undefined);
  if ((response as { readonly launchable?: unknown } | undefined)?.launchable !== false) return;
  await stderr.line(
    styled(
      'doubtful',
      `The registry has no manifest ${manifest} now, so nothing is started; its operator adds ${manifest}.yaml to --manifests and starts it again`,
    ),
  );
}
