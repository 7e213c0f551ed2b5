import type { Command } from 'commander';
import type { StopRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { startTimeoutMs, printLaunch } from '../print-launch.js';
import { styled } from '../output.js';

/**
 * Adds `clerk reset`: stops a service, ends the waiting time that failed starts have caused, and starts the service
 * again.
 */
export function addResetCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'reset <name>',
    summary: 'stop a service and start it again',
    description:
      'Stop the instances that the registry has started, clear the start backoff of earlier failures, and start the service again.',
    timeoutMs: startTimeoutMs,
    examples: [['clerk reset /shop/orders', 'after fixing its failure']],
  });
  command.action((name: string) => reset(createContext(io, command), name));
}

async function reset(context: CommandContext, text: string): Promise<void> {
  const request: StopRequest = { name: parseNameArgument(text) };
  if (context.stderr.isTerminal) await context.stderr.line(styled('faint', `Restarting ${request.name} …`));
  await printLaunch(context, await context.client.post(paths.reset, request));
}
