/** `clerk link`: a name that stands for another. */
import type { Command } from 'commander';
import type { LinkRequest } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import { tellChange } from './changed.js';
import { addCommand, contextOf, wholeNumber, type Context } from './command.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';

interface Options {
  readonly promise?: number;
  readonly whenExpired?: true;
}

/** Adds the command. */
export function addLink(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'link <name> <target>',
    summary: 'make a name stand for another',
    description:
      'Make a name stand for another, which need not exist yet. Names below it lead to names below the target.',
    options: (own) =>
      own
        .option('--promise <ms>', 'for how long the link is promised, in ms; 0 for not at all', wholeNumber)
        .option('--when-expired', 'if promised otherwise, change it when the last promise is over'),
    examples: [
      ['clerk link /shop/checkout /shop/orders', 'another word for /shop/orders'],
      ['clerk link /shop /shops/eu --when-expired', 'turn it once nobody holds an old promise'],
    ],
  });
  command.action((name: string, target: string, options: Options) =>
    link(contextOf(io, command), name, target, options),
  );
}

async function link(context: Context, from: string, to: string, options: Options): Promise<void> {
  const { promise, whenExpired } = options;
  const name = nameOf(from);
  const target = nameOf(to, 'Target');
  const request: LinkRequest = {
    name,
    target,
    ...(promise !== undefined && { promiseMs: promise }),
    ...(whenExpired && { whenExpired }),
  };
  const reply = await context.client.post(paths.link, request);

  await tellChange(
    context,
    reply,
    { name, target },
    `Linked ${name} → ${target}`,
    `${name} is frozen and becomes a link to ${target}`,
  );
}
