/** `clerk stop`: ends what the registry has started. */
import type { Command } from 'commander';
import type { StopRequest } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, type Context } from './command.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';
import { stopReply } from './replies.js';
import { count } from './wording.js';

/** Adds the command. */
export function addStop(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'stop <name>',
    summary: 'end what was started of a service',
    description:
      'End the processes that the registry has started of a service, children included. Those that somebody else runs are left alone. The next call starts it again.',
    timeoutMs: 30_000,
    examples: [['clerk stop /shop/orders', 'end it']],
  });
  command.action((name: string) => stop(contextOf(io, command), name));
}

async function stop({ client, out, json }: Context, text: string): Promise<void> {
  const request: StopRequest = { name: nameOf(text) };
  const { name } = request;
  const { stopped } = stopReply(await client.post(paths.stop, request), '');
  if (json) return out.json({ name, stopped });
  return out.line(
    stopped === 0
      ? `The registry had nothing of ${name} running`
      : `Ended ${name}: ${count(stopped, 'process group')}`,
  );
}
