import { printChange } from '../print-change.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { parseNameArgument } from '../parse-name.js';

export const addMvCommand = defineCommand({
  usage: 'mv <old> <new>',
  summary: 'move a name and all names below it',
  description:
    'Move a name and all names below it. The old name becomes a link, so the move takes effect at once and breaks no guarantee.',
  examples: [['clerk mv /orders /shop/orders', 'afterwards both names work']],
  run: move,
});

async function move(context: CommandContext, old: string, target: string): Promise<void> {
  const [from, to] = [parseNameArgument(old), parseNameArgument(target)];
  const message = `Moved ${from} to ${to}; ${from} is now a link`;
  const change = context.registry.move(from, to);
  await printChange(context, change, { from, to }, message, `${from} will move to ${to}`);
}
