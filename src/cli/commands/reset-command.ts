/** `clerk reset`: ends a service, forgets that it failed, and starts it again. */
import type { Command } from 'commander';
import type { StopRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { startTimeoutMs, printLaunch } from '../print-launch.js';
import { styled } from '../output.js';

/** Adds the command. */
export function addResetCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'reset <name>',
    summary: 'end a service and start it anew',
    description:
      'End what the registry has started of a service, forget how often it failed, and start it again.',
    timeoutMs: startTimeoutMs,
    examples: [['clerk reset /shop/orders', 'after its fault was mended']],
  });
  command.action((name: string) => reset(createContext(io, command), name));
}

async function reset(context: CommandContext, text: string): Promise<void> {
  const request: StopRequest = { name: parseNameArgument(text) };
  if (context.stderr.isTerminal)
    await context.stderr.line(styled('faint', `Starting ${request.name} anew …`));
  await printLaunch(context, await context.client.post(paths.reset, request));
}
