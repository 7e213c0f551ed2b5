import { defineCommand, type CommandContext } from '../command-context.js';

export const addExportCommand = defineCommand({
  usage: 'export',
  summary: 'print all definitions as lines of JSON',
  description:
    'Print services, links and directories as one JSON value per line, and of a secured registry the groups and rights. Endpoints are not exported, because endpoints register themselves. Keys and tokens are not exported: back up the data folder. If the export ends early, the exit code is not 0, and the output is incomplete.',
  timeoutMs: 60_000,
  examples: [
    ['clerk export > names.ndjson', 'into a file'],
    ["clerk export | grep '\"/shop/'", 'only the names below /shop'],
  ],
  run: exportAll,
});

async function exportAll({ registry, stdout }: CommandContext): Promise<void> {
  for await (const line of registry.export()) await stdout.json(line);
}
