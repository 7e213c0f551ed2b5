import type { Command } from 'commander';
import type { LinkRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { printChange } from '../print-change.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import { integerOption } from '../option-parsers.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';

interface Options {
  readonly guarantee?: number;
  readonly whenExpired?: true;
}

/** Adds `clerk link`: creates a link from one name to another name, or changes the target of a link. */
export function addLinkCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'link <name> <target>',
    summary: 'link a name to another name',
    description:
      'Create or change a link from a name to a target, which need not exist yet. Names below the link lead to names below the target.',
    options: (own) =>
      own
        .option(
          '--guarantee <ms>',
          'how long clients may rely on the link, in ms; 0: no guarantee',
          integerOption,
        )
        .option('--when-expired', 'schedule the change for when the guaranteed time has passed'),
    examples: [
      ['clerk link /shop/checkout /shop/orders', 'a second name for /shop/orders'],
      ['clerk link /shop /shops/eu --when-expired', 'change it once the guaranteed time has passed'],
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
  const response = await context.client.post(paths.link, request);

  await printChange(
    context,
    response,
    { name, target },
    `Linked ${name} → ${target}`,
    `${name} is frozen and will become a link to ${target}`,
  );
}
