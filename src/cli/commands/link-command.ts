import { definedFields } from '../../core/defined-fields.js';
import { printChange } from '../print-change.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { integerOption } from '../option-parsers.js';
import { parseNameArgument } from '../parse-name.js';

interface Options {
  readonly guarantee?: number;
  readonly whenExpired?: true;
}

export const addLinkCommand = defineCommand({
  usage: 'link <name> <target>',
  summary: 'link a name to another name',
  description:
    'Create or change a link from a name to a target, which need not exist yet. With a link from /a to /b, the name /a/x stands for /b/x.',
  options: (own) =>
    own
      .option(
        '--guarantee <ms>',
        'how long clients may rely on the link, in ms; 0: no guarantee',
        integerOption,
      )
      .option('--when-expired', 'schedule the change for the end of the guaranteed time'),
  examples: [
    ['clerk link /shop/checkout /shop/orders', 'a second name for /shop/orders'],
    ['clerk link /shop /shops/eu --when-expired', 'change the link once the guaranteed time has passed'],
  ],
  run: link,
});

async function link(context: CommandContext, from: string, to: string, options: Options): Promise<void> {
  const { guarantee, whenExpired } = options;
  const name = parseNameArgument(from);
  const target = parseNameArgument(to, 'Target');
  const settings = definedFields({ guaranteedMs: guarantee, whenExpired });
  await printChange(
    context,
    context.registry.link(name, target, settings),
    { name, target },
    `Linked ${name} → ${target}`,
    `${name} is frozen and will become a link to ${target}`,
  );
}
