import type { Command } from 'commander';
import type { LaunchRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { responseGraceMs, startTimeoutMs, printLaunch } from '../print-launch.js';
import { styled } from '../output.js';

/** Adds `clerk launch`: starts a service through the registry and waits until the service has registered. */
export function addLaunchCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'launch <name>',
    summary: 'start a service that has no endpoint',
    description:
      'Start a service on the host of the registry with its manifest, and wait until the service has registered. A running service is not started again. The start continues if the wait ends because of --timeout.',
    timeoutMs: startTimeoutMs,
    examples: [
      ['clerk define /shop/orders --launch orders', 'first: set the manifest'],
      ['clerk launch /shop/orders', 'then: start the service'],
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
