import { definedFields } from '../../core/defined-fields.js';
import { printChange } from '../print-change.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { parseNameArgument } from '../parse-name.js';

interface Options {
  readonly recursive?: true;
}

export const addCancelCommand = defineCommand({
  usage: 'cancel <name>',
  summary: 'cancel a scheduled change of a name',
  description:
    'Cancel the change or removal of a name that --when-expired has scheduled. The name stays unchanged. clerk status lists the scheduled changes.',
  options: (own) => own.option('-r, --recursive', 'also cancel the changes of all names below the name'),
  examples: [
    ['clerk cancel /shop/orders', 'the service keeps its settings'],
    ['clerk cancel /shop --recursive', 'also the changes of all names below it'],
  ],
  run: cancel,
});

async function cancel(context: CommandContext, text: string, { recursive }: Options): Promise<void> {
  const name = parseNameArgument(text);
  const change = context.registry.cancel(name, definedFields({ recursive }));
  const done = `Cancelled the scheduled change of ${name}`;
  await printChange(context, change, { name }, done, done);
}
