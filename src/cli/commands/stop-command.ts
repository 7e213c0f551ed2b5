/** `clerk stop`: ends what the registry has started. */
import type { Command } from 'commander';
import type { StopRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { decodeStop } from '../decode-responses.js';
import { formatCount } from '../format.js';

/** Adds the command. */
export function addStopCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'stop <name>',
    summary: 'end what was started of a service',
    description:
      'End the processes that the registry has started of a service, children included. Those that somebody else runs are left alone. The next call starts it again.',
    timeoutMs: 30_000,
    examples: [['clerk stop /shop/orders', 'end it']],
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
      ? `The registry had nothing of ${name} running`
      : `Ended ${name}: ${formatCount(stopped, 'process group')}`,
  );
}
