/** `clerk launch`: has a service started, and waits until it can be called. */
import type { Command } from 'commander';
import type { LaunchRequest } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, type Context } from './command.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';
import { answerGraceMs, startTimeoutMs, tellLaunched } from './launched.js';
import { paint } from './output.js';

/** Adds the command. */
export function addLaunch(program: Command, io: Io): void {
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
  command.action((name: string) => launch(contextOf(io, command, answerGraceMs), name));
}

async function launch(context: Context, text: string): Promise<void> {
  const { client, say, timeoutMs } = context;
  const request: LaunchRequest = { name: nameOf(text), waitMs: timeoutMs };
  if (say.isTerminal) await say.line(paint('faint', `Starting ${request.name} …`));
  await tellLaunched(context, await client.post(paths.launch, request));
}
