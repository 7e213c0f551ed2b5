import type { Command } from 'commander';
import type { StopRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { decodeStop } from '../decode-responses.js';
import { formatCount } from '../format.js';

/** Adds `clerk stop`: stops the instances that the registry has started for a service. */
export function addStopCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'stop <name>',
    summary: 'stop the started instances of a service',
    description:
      'Stop the processes that the registry has started for a service, including their child processes. Other instances keep running. The next call starts the service again.',
    timeoutMs: 30_000,
    examples: [['clerk stop /shop/orders', 'stop the service']],
  });
  command.action((name: string) => stop(createContext(io, command), name));
}

async function stop({ client, stdout, json }: CommandContext, text: string): Promise<void> {
  const request: StopRequest = { name: parseNameArgument(text) };
  const { name } = request;
  const { stopped } = decodeStop(await client.post(paths.stop, request), '');
  if (json) return stdout.json({ name, stopped });
  return stdout.line(
    stopped === 0
      ? `The registry has no running instance of ${name}`
      : `Stopped ${name}: ${formatCount(stopped, 'process group')}`,
  );
}
