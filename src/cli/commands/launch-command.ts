/** `clerk launch`: has a service started, and waits until it can be called. */
import type { Command } from 'commander';
import type { LaunchRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { responseGraceMs, startTimeoutMs, printLaunch } from '../print-launch.js';
import { styled } from '../output.js';

/** Adds the command. */
export function addLaunchCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'launch <name>',
    summary: 'start a service that nobody runs',
    description:
      'Have the registry start a service by its manifest, and wait until it can be called, or hear why not. One that runs is left alone. After --timeout nobody waits any more, and the start goes on.',
    timeoutMs: startTimeoutMs,
    examples: [
      ['clerk define /shop/orders --launch orders', 'first: say how it is started'],
      ['clerk launch /shop/orders', 'then: start it'],
    ],
  });
  command.action((name: string) => launch(createContext(io, command, responseGraceMs), name));
}

async function launch(context: CommandContext, text: string): Promise<void> {
  const { client, stderr, timeoutMs } = context;
  const request: LaunchRequest = { name: parseNameArgument(text), waitMs: timeoutMs };
  if (stderr.isTerminal) await stderr.line(styled('faint', `Starting ${request.name} …`));
  await printLaunch(context, await client.post(paths.launch, request));
}
