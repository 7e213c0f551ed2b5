/** `clerk link`: a name that stands for another. */
import type { Command } from 'commander';
import type { LinkRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { printChange } from '../print-change.js';
import { addCommand, createContext, integerOption, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';

interface Options {
  readonly guarantee?: number;
  readonly whenExpired?: true;
}

/** Adds the command. */
export function addLinkCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'link <name> <target>',
    summary: 'make a name stand for another',
    description:
      'Make a name stand for another, which need not exist yet. Names below it lead to names below the target.',
    options: (own) =>
      own
        .option('--promise <ms>', 'for how long the link is promised, in ms; 0 for not at all', integerOption)
        .option('--when-expired', 'if promised otherwise, change it when the last promise is over'),
    examples: [
      ['clerk link /shop/checkout /shop/orders', 'another word for /shop/orders'],
      ['clerk link /shop /shops/eu --when-expired', 'turn it once nobody holds an old promise'],
    ],
  });
  command.action((name: string, target: string, options: Options) =>
    link(createContext(io, command), name, target, options),
  );
}

async function link(context: CommandContext, from: string, to: string, options: Options): Promise<void> {
  const { guarantee, whenExpired } = options;
  const name = parseNameArgument(from);
  const target = parseNameArgument(to, 'Target');
  const request: LinkRequest = {
    name,
    target,
    ...(guarantee !== undefined && { guaranteedMs: guarantee }),
    ...(whenExpired && { whenExpired }),
  };
  const reply = await context.client.post(paths.link, request);

  await printChange(
    context,
    reply,
    { name, target },
    `Linked ${name} → ${target}`,
    `${name} is frozen and becomes a link to ${target}`,
  );
}
