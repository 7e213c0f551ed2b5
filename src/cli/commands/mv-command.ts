import type { MoveRequest } from '../../protocol/naming-messages.js';
import { paths } from '../../protocol/paths.js';
import { submitChange } from '../submit-change.js';
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
  const request: MoveRequest = { from: parseNameArgument(old), to: parseNameArgument(target) };
  const { from, to } = request;
  const message = `Moved ${from} to ${to}; ${from} is now a link`;
  await submitChange(context, paths.move, request, { from, to }, message, `${from} will move to ${to}`);
}
