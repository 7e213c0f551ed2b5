import { definedFields } from '../../core/defined-fields.js';
import { printChange } from '../print-change.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { parseNameArgument } from '../parse-name.js';

interface Options {
  readonly recursive?: true;
  readonly whenExpired?: true;
  readonly force?: true;
}

export const addRmCommand = defineCommand({
  usage: 'rm <name>',
  summary: 'remove a name',
  description:
    'Remove a name. Until the guaranteed time of the name has passed, the removal is rejected. With --when-expired, the removal is scheduled for the end of the guaranteed time; with --force, the name is removed now.',
  options: (own) =>
    own
      .option('-r, --recursive', 'remove the name with its endpoints, and all names below the name')
      .option('--when-expired', 'schedule the removal for the end of the guaranteed time')
      .option(
        '--force',
        'remove the name now; clients may still use the removed entry until its guaranteed time has passed',
      ),
  examples: [
    ['clerk rm /shop/old', 'a link, or a service without endpoints'],
    ['clerk rm /shop --recursive', 'with endpoints and all names below it'],
    ['clerk rm /shop/old --when-expired', 'as soon as the guaranteed time has passed'],
  ],
  run: remove,
});

async function remove(context: CommandContext, text: string, options: Options): Promise<void> {
  const name = parseNameArgument(text);
  const { recursive, whenExpired, force } = options;
  const change = context.registry.remove(name, definedFields({ recursive, whenExpired, force }));
  const scheduled = `${name} is frozen and will be removed`;
  await printChange(context, change, { name }, `Removed ${name}`, scheduled);
}
