import type { Command } from 'commander';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';

/** Adds `clerk export`: prints all definitions, one JSON value per line, in the format that `clerk import` reads. */
export function addExportCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'export',
    summary: 'print all definitions as lines of JSON',
    description:
      'Print services, links and directories as one JSON value per line. Endpoints are not exported, because endpoints register themselves.',
    examples: [
      ['clerk export > names.ndjson', 'into a file'],
      ["clerk export | grep '\"/shop/'", 'only those below /shop'],
    ],
  });
  command.action(() => exportAll(createContext(io, command)));
}

async function exportAll({ client, stdout }: CommandContext): Promise<void> {
  for await (const line of client.lines(paths.export)) await stdout.json(line);
}
