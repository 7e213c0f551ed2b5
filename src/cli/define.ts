/** `clerk define`: a service with its rules, whether or not anybody runs it yet. */
import type { Command } from 'commander';
import { ClerkError } from '../core/errors.js';
import type { DefineRequest } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import { tellChange } from './changed.js';
import { addCommand, contextOf, pairs, wholeNumber, type Context } from './command.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';
import { paint } from './output.js';

interface Options {
  readonly policy?: string | false;
  readonly callTimeout?: number | false;
  readonly promise?: number;
  readonly launch?: string | false;
  readonly param?: Readonly<Record<string, string>>;
  readonly whenExpired?: true;
}

/** Adds the command. */
export function addDefine(program: Command, io: Io): void {
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
          wholeNumber,
        )
        .option('--no-call-timeout', "leave that to the callers' default")
        .option(
          '--promise <ms>',
          'for how long these rules are promised, in ms; 0 for not at all',
          wholeNumber,
        )
        .option('--launch <manifest>', "start it on demand by this manifest of the registry's operator")
        .option('--no-launch', 'do not start it on demand')
        .option('--param <key=value>', 'a parameter of the manifest; may be given again', pairs)
        .option('--when-expired', 'if promised otherwise, change it when the last promise is over'),
    examples: [
      ['clerk define /shop/orders --policy load-aware', 'choose by load'],
      ['clerk define /shop/orders --call-timeout 2000', 'a call has two seconds'],
      ['clerk define /shop/orders --promise 60000', 'its rules stay for a minute'],
      ['clerk define /shop/orders --launch orders', 'start it on demand'],
      ['clerk define /shop/orders --no-launch', 'and no longer'],
    ],
  });
  command.action((name: string, options: Options) => define(contextOf(io, command), name, options));
}

async function define(context: Context, text: string, options: Options): Promise<void> {
  const { policy, callTimeout, promise, launch, param, whenExpired } = options;
  const name = nameOf(text);
  if (param !== undefined && typeof launch !== 'string')
    throw new ClerkError('CONFIG_INVALID', 'A --param is of a manifest; say which with --launch');
  const request: DefineRequest = {
    name,
    ...(policy !== undefined && { policy: policy === false ? null : policy }),
    ...(callTimeout !== undefined && { timeoutMs: callTimeout === false ? null : callTimeout }),
    ...(promise !== undefined && { promiseMs: promise }),
    ...(launch === false && { launch: null }),
    ...(typeof launch === 'string' && {
      launch: { manifest: launch, ...(param !== undefined && { params: param }) },
    }),
    ...(whenExpired && { whenExpired }),
  };
  const reply = await context.client.post(paths.define, request);
  await tellChange(context, reply, { name }, `Defined ${name}`, `${name} is frozen and changes`);
  if (typeof launch === 'string' && !context.json) await warnIfUnknown(context, name, launch);
}

/** Its operator may bring the manifest later, so this is no error; whoever mistyped it wants to know now. */
async function warnIfUnknown({ client, say }: Context, name: string, manifest: string): Promise<void> {
  // What is done is done, whatever comes of this question.
  const answer = await client.get(paths.resolve, { name }).catch(() => undefined);
  if ((answer as { readonly launchable?: unknown } | undefined)?.launchable !== false) return;
  await say.line(
    paint(
      'doubtful',
      `The registry has no manifest ${manifest} now, so nothing is started; its operator adds ${manifest}.yaml to --manifests and starts it again`,
    ),
  );
}
