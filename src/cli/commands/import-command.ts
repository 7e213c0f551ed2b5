import type { Command } from 'commander';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError } from '../../core/errors.js';
import { limits } from '../../protocol/limits.js';
import type { ServiceLine } from '../../protocol/naming-messages.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { readInput } from '../read-input.js';
import { printDifference } from '../print-difference.js';
import { warnIfNoManifest } from '../warn-if-no-manifest.js';

export const addImportCommand = defineCommand({
  usage: 'import [file]',
  summary: 'import definitions from lines of JSON',
  description:
    'Import services, links and directories in the format of `clerk export`, from a file or from standard input (-). Up to 2,000 lines are imported as a whole or not at all; more lines are imported in parts, in order. After an error, correct the lines and import all of them again.',
  timeoutMs: 60_000,
  options: addImportOptions,
  examples: [
    ['clerk import names.ndjson', 'from a file'],
    ['clerk import names.ndjson --dry-run', 'only print what would change'],
    [
      'clerk export --registry http://a:4711 | clerk import --registry http://b:4711',
      'copy one registry to another',
    ],
  ],
  run: importFile,
});

export const addApplyCommand = defineCommand({
  usage: 'apply <file>',
  summary: 'make the definitions equal to a file',
  description:
    'Import a file with lines of JSON, or standard input (-), and print the difference. With --prune, the services, links and directories that no line names are removed. The file, of at most 2,000 lines, is applied as a whole or not at all.',
  timeoutMs: 60_000,
  options: addImportOptions,
  examples: [
    ['clerk apply names.ndjson --prune --dry-run', 'only print what would change'],
    ['clerk apply names.ndjson --prune --when-expired', 'change names when their guaranteed time has passed'],
  ],
  run: applyFile,
});

interface Options {
  readonly dryRun?: boolean;
  readonly whenExpired?: boolean;
  readonly prune?: boolean;
}

function addImportOptions(own: Command): Command {
  return own
    .option('--dry-run', 'only print what would change')
    .option(
      '--when-expired',
      'schedule changes of names whose guaranteed time has not passed; all changes of existing names then apply together, when the last guaranteed time has passed',
    )
    .option(
      '--prune',
      'remove the services, links and directories that no line names; endpoints stay registered',
    );
}

async function importFile(context: CommandContext, file = '-', options: Options = {}): Promise<void> {
  await importBytes(context, await readLines(context, file), options);
}

/** @throws {@link ClerkError} `LIMIT_EXCEEDED` when the lines cannot be applied as a whole */
async function applyFile(context: CommandContext, file: string, options: Options = {}): Promise<void> {
  const lines = await readLines(context, file);
  const isPart = lines.length > limits.maxImportPartBytes || countLines(lines) > limits.maxChangedNames;
  if (isPart)
    throw new ClerkError(
      'LIMIT_EXCEEDED',
      `clerk apply takes at most ${String(limits.maxChangedNames)} lines and 8 MiB, because it applies the file as a whole; use clerk import, which imports a longer file in parts`,
    );
  await importBytes(context, lines, options);
}

const newline = 10;

function countLines(lines: Uint8Array): number {
  let count = lines.at(-1) === newline ? 0 : 1;
  for (const byte of lines) if (byte === newline) count++;
  return count;
}

function readLines({ io }: CommandContext, file: string): Promise<Uint8Array> {
  if (file === '-' && io.stdin.isTTY === true)
    throw new ClerkError(
      'CONFIG_INVALID',
      'Nothing to import; give a file name, or pipe lines to standard input',
    );
  return readInput(io, file);
}

async function importBytes(
  context: CommandContext,
  lines: Uint8Array,
  { dryRun, whenExpired, prune }: Options,
): Promise<void> {
  const { registry, stdout, json } = context;
  const response = await registry.import(lines, definedFields({ dryRun, whenExpired, prune }));
  if (json) return stdout.json(response);
  await printDifference(stdout, response);
  if (response.dryRun) return;
  for (const [manifest, name] of manifestsIn(lines)) await warnIfNoManifest(context, name, manifest);
}

/** Returns the manifests that lines name, each with the first service that uses it. The lines have been imported. */
function manifestsIn(lines: Uint8Array): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const line of Buffer.from(lines).toString().split('\n')) {
    if (!line.includes('"launch"')) continue;
    const { name, launch } = JSON.parse(line) as Partial<ServiceLine>;
    if (name !== undefined && launch && !found.has(launch.manifest)) found.set(launch.manifest, name);
  }
  return found;
}
