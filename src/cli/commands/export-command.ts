/** `clerk export`: every definition, one JSON value a line, as `clerk import` reads it. */
import type { Command } from 'commander';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';

/** Adds the command. */
export function addExportCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'export',
    summary: 'write all definitions as lines of JSON',
    description:
      'Write services, links and directories as lines of JSON. Endpoints are left out: they live by their leases.',
    examples: [
      ['clerk export > names.ndjson', 'keep them'],
      ["clerk export | grep '\"/shop/'", 'look for some'],
    ],
  });
  command.action(() => exportAll(createContext(io, command)));
}

async function exportAll({ client, stdout }: CommandContext): Promise<void> {
  for await (const line of client.lines(paths.export)) await stdout.json(line);
}
