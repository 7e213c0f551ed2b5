/** `clerk mv`: another place for a name and all below it, without a call that fails. */
import type { Command } from 'commander';
import type { MoveRequest } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import { tellChange } from './changed.js';
import { addCommand, contextOf, type Context } from './command.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';

/** Adds the command. */
export function addMv(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'mv <old> <new>',
    summary: 'move a name and all below it',
    description:
      'Move a name and all below it. A link stays at the old place, so nobody has to wait and every promise is kept.',
    examples: [['clerk mv /orders /shop/orders', 'both names lead there']],
  });
  command.action((from: string, to: string) => move(contextOf(io, command), from, to));
}

async function move(context: Context, old: string, other: string): Promise<void> {
  const request: MoveRequest = { from: nameOf(old), to: nameOf(other) };
  const { from, to } = request;
  const reply = await context.client.post(paths.move, request);
  const done = `Moved ${from} to ${to}; ${from} is a link now`;
  await tellChange(context, reply, { from, to }, done, `${from} moves to ${to}`);
}
