/** `clerk mv`: another place for a name and all below it, without a call that fails. */
import type { Command } from 'commander';
import type { MoveRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { printChange } from '../print-change.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';

/** Adds the command. */
export function addMvCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'mv <old> <new>',
    summary: 'move a name and all below it',
    description:
      'Move a name and all below it. A link stays at the old place, so nobody has to wait and every promise is kept.',
    examples: [['clerk mv /orders /shop/orders', 'both names lead there']],
  });
  command.action((from: string, to: string) => move(createContext(io, command), from, to));
}

async function move(context: CommandContext, old: string, target: string): Promise<void> {
  const request: MoveRequest = { from: parseNameArgument(old), to: parseNameArgument(target) };
  const { from, to } = request;
  const reply = await context.client.post(paths.move, request);
  const message = `Moved ${from} to ${to}; ${from} is a link now`;
  await printChange(context, reply, { from, to }, message, `${from} moves to ${to}`);
}
