import { ClerkError } from '../../core/errors.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { readInput } from '../read-input.js';
import { styled } from '../output.js';

export const addImportCommand = defineCommand({
  usage: 'import [file]',
  summary: 'import definitions from lines of JSON',
  description:
    'Import services, links and directories in the format of `clerk export`, from a file or from standard input (-). Either all lines are imported or none.',
  timeoutMs: 60_000,
  examples: [
    ['clerk import names.ndjson', 'from a file'],
    [
      'clerk export --registry http://a:4711 | clerk import --registry http://b:4711',
      'copy one registry to another',
    ],
  ],
  run: importFile,
});

async function importFile({ io, client, stdout, json }: CommandContext, file = '-'): Promise<void> {
  if (file === '-' && io.stdin.isTTY === true)
    throw new ClerkError(
      'CONFIG_INVALID',
      'Nothing to import; give a file name, or pipe lines to standard input',
    );
  const lines = await readInput(io, file);
  const response = await client.import(lines);
  if (json) return stdout.json(response);
  return stdout.line(
    `Imported ${response.entries === 1 ? '1 entry' : `${response.entries} entries`}`,
    styled('faint', `  revision ${response.revision}`),
  );
}
