import { definedFields } from '../../core/defined-fields.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { formatDuration } from '../format.js';
import { integerOption } from '../option-parsers.js';
import { parseNameArgument } from '../parse-name.js';
import { styled } from '../output.js';

interface Options {
  readonly guarantee?: number;
  readonly whenExpired?: true;
}

export const addMkdirCommand = defineCommand({
  usage: 'mkdir <name>',
  summary: 'create a directory',
  description:
    'Create a directory with a permanent identifier such as #1f0c, or change its guaranteed time. In names, the identifier stands for the directory, even after the directory was moved. A directory without an identifier exists as soon as there are names below it.',
  options: (own) =>
    own
      .option(
        '--guarantee <ms>',
        'how long clients may rely on the directory, in ms; 0: no guarantee',
        integerOption,
      )
      .option('--when-expired', 'schedule the change for the end of the guaranteed time'),
  examples: [
    ['clerk mkdir /shop', 'prints the identifier of the directory'],
    ['clerk mkdir /shop --guarantee 60000', 'clients may rely on the directory for 1 min'],
  ],
  run: createDirectory,
});

async function createDirectory(
  { registry, stdout, json }: CommandContext,
  text: string,
  { guarantee, whenExpired }: Options,
): Promise<void> {
  const name = parseNameArgument(text);
  const options = definedFields({ guaranteedMs: guarantee, whenExpired });
  const { id, revision, appliesInMs } = await registry.directory(name, options);
  if (json) return stdout.json({ name, id, revision, appliesInMs });
  return stdout.line(
    appliesInMs > 0
      ? `${name} is frozen and will change in ${formatDuration(appliesInMs)}, when the guaranteed time has passed`
      : `Directory ${name} has the identifier ${id}`,
    styled('faint', `  revision ${revision}`),
  );
}
