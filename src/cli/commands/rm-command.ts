/** `clerk rm`: the end of a name, not before its promise is over. */
import type { Command } from 'commander';
import type { RemoveRequest } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { printChange } from '../print-change.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';

interface Options {
  readonly recursive?: true;
  readonly whenExpired?: true;
  readonly force?: true;
}

/** Adds the command. */
export function addRmCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'rm <name>',
    summary: 'remove a name',
    description:
      'Remove a name. One that was promised to callers stays until then: the registry refuses, waits with --when-expired, or breaks its word with --force.',
    options: (own) =>
      own
        .option('-r, --recursive', 'also what is below it, and its endpoints')
        .option('--when-expired', 'if promised otherwise, remove it when the last promise is over')
        .option('--force', 'break the promise; callers may be sent to what is gone'),
    examples: [
      ['clerk rm /shop/old', 'a link, or a service that nobody runs'],
      ['clerk rm /shop --recursive', 'with all below it, endpoints too'],
      ['clerk rm /shop/old --when-expired', 'as soon as no promise is broken'],
    ],
  });
  command.action((name: string, options: Options) => remove(createContext(io, command), name, options));
}

async function remove(context: CommandContext, text: string, options: Options): Promise<void> {
  const name = parseNameArgument(text);
  const { recursive, whenExpired, force } = options;
  const request: RemoveRequest = {
    name,
    ...(recursive && { recursive }),
    ...(whenExpired && { whenExpired }),
    ...(force && { force }),
  };
  const reply = await context.client.post(paths.remove, request);
  await printChange(context, reply, { name }, `Removed ${name}`, `${name} is frozen and goes`);
}
