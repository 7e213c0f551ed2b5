/** `clerk reset`: ends a service, forgets that it failed, and starts it again. */
import type { Command } from 'commander';
import type { StopRequest } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, type Context } from './command.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';
import { startTimeoutMs, tellLaunched } from './launched.js';
import { paint } from './output.js';

/** Adds the command. */
export function addReset(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'reset <name>',
    summary: 'end a service and start it anew',
    description:
      'End what the registry has started of a service, forget how often it failed, and start it again.',
    timeoutMs: startTimeoutMs,
    examples: [['clerk reset /shop/orders', 'after its fault was mended']],
  });
  command.action((name: string) => reset(contextOf(io, command), name));
}

async function reset(context: Context, text: string): Promise<void> {
  const request: StopRequest = { name: nameOf(text) };
  if (context.say.isTerminal) await context.say.line(paint('faint', `Starting ${request.name} anew …`));
  await tellLaunched(context, await context.client.post(paths.reset, request));
}
