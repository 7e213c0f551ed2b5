import { definedFields } from '../../core/defined-fields.js';
import { ClerkError, isClerkError } from '../../core/errors.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { importParts } from '../import-parts.js';
import { readInput } from '../read-input.js';
import { styled } from '../output.js';

export const addImportCommand = defineCommand({
  usage: 'import [file]',
  summary: 'import definitions from lines of JSON',
  description:
    'Import services, links and directories in the format of `clerk export`, from a file or from standard input (-). Up to 2,000 lines are imported as a whole or not at all; more lines are imported in parts, in order. After an error, correct the lines and import all of them again.',
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
  const input = await readInput(io, file);
  let entries = 0;
  let revision = '';
  for (const { lines, firstLine } of importParts(input)) {
    try {
      const response = await client.import(lines);
      entries += response.entries;
      ({ revision } = response);
    } catch (error) {
      if (firstLine === 1 || !isClerkError(error)) throw error;
      const { code, message, remainingMs } = error;
      throw new ClerkError(
        code,
        `The lines before line ${firstLine} are imported, and the lines from there on are not, counted from line ${firstLine}: ${message}`,
        { ...definedFields({ remainingMs }), cause: error },
      );
    }
  }
  const response = { entries, revision };
  if (json) return stdout.json(response);
  return stdout.line(
    `Imported ${response.entries === 1 ? '1 entry' : `${response.entries} entries`}`,
    styled('faint', `  revision ${response.revision}`),
  );
}
