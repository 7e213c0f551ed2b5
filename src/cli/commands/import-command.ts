/** `clerk import`: definitions from lines of JSON, all of them or none. */
import type { Command } from 'commander';
import { ClerkError } from '../../core/errors.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import { readInputArgument } from '../input.js';
import type { Io } from '../io.js';
import { styled } from '../output.js';
import { decodeImport } from '../decode-responses.js';

/** Adds the command. */
export function addImportCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'import [file]',
    summary: 'read definitions from lines of JSON',
    description:
      'Read services, links and directories as `clerk export` writes them, from a file or from standard input (-). All lines are taken or none is.',
    timeoutMs: 60_000,
    examples: [
      ['clerk import names.ndjson', 'from a file'],
      [
        'clerk export --registry http://a:4711 | clerk import --registry http://b:4711',
        'from one registry to another',
      ],
    ],
  });
  command.action((file: string | undefined) => importFile(createContext(io, command), file));
}

async function importFile({ io, client, stdout, json }: CommandContext, file = '-'): Promise<void> {
  if (file === '-' && io.stdin.isTTY === true)
    throw new ClerkError('CONFIG_INVALID', 'Nothing to import: name a file, or send lines to standard input');
  const lines = await readInputArgument(io, file);
  const reply = decodeImport(await client.postLines(paths.import, lines), '');
  if (json) return stdout.json(reply);
  return stdout.line(
    `Imported ${reply.entries === 1 ? '1 entry' : `${reply.entries} entries`}`,
    styled('faint', `  revision ${reply.revision}`),
  );
}
