import { definedFields } from '../../core/defined-fields.js';
import { matches } from '../../core/glob.js';
import type { GroupRequest } from '../../protocol/identity-messages.js';
import type { ExportLine, RemoveRequest } from '../../protocol/naming-messages.js';
import { paths } from '../../protocol/paths.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { defineGroup } from '../define-group.js';
import { integerOption } from '../option-parsers.js';
import { styled } from '../output.js';
import { parseGlobArgument, parseNameArgument } from '../parse-name.js';
import { submitChange } from '../submit-change.js';

const addSetCommand = defineCommand({
  usage: 'set <name> <principal...>',
  summary: 'create a group, or replace its members',
  description:
    'Create a group of principals, or replace its members. A member may be another group. A group counts in rights under its own name. Until the guaranteed time of the group has passed, a change is rejected. Needs the right write on the name of the group.',
  options: (own) =>
    own
      .option(
        '--guarantee <ms>',
        'how long the members are guaranteed, in ms; 0: no guarantee',
        integerOption,
      )
      .option('--when-expired', 'schedule the change for the end of the guaranteed time'),
  examples: [
    ['clerk group set /shop/staff /shop/web /shop/billing', 'a group of two principals'],
    ['clerk acl allow /shop/staff /shop/orders call', 'then: a right of all members'],
  ],
  run: setGroup,
});

const addLsCommand = defineCommand({
  usage: 'ls [glob]',
  summary: 'list groups and their members',
  description: 'List the groups whose names match a glob, with their members. Default: all groups.',
  examples: [["clerk group ls '/shop/**'", 'the groups below /shop']],
  run: list,
});

const addRemoveCommand = defineCommand({
  usage: 'remove <name>',
  summary: 'remove a group',
  description:
    'Remove a group. Rights of the group stay, and count again for a new group with this name. Needs the right write on the name of the group.',
  options: (own) =>
    own
      .option('--when-expired', 'schedule the removal for the end of the guaranteed time')
      .option('--force', 'remove the group now'),
  examples: [['clerk group remove /shop/staff', 'its members lose the rights of the group']],
  run: remove,
});

export const addGroupCommand = defineGroup({
  name: 'group',
  summary: 'manage groups of principals',
  description: 'Create, list and remove groups of principals.',
  commands: [addSetCommand, addLsCommand, addRemoveCommand],
  examples: [
    ['clerk group set /shop/staff /shop/web /shop/billing', 'create a group, or replace its members'],
    ['clerk group ls', 'all groups'],
  ],
});

interface SetOptions {
  readonly guarantee?: number;
  readonly whenExpired?: true;
}

async function setGroup(
  context: CommandContext,
  text: string,
  principals: readonly string[],
  { guarantee, whenExpired }: SetOptions,
): Promise<void> {
  const name = parseNameArgument(text);
  const members = principals.map((principal) => parseNameArgument(principal, 'Principal'));
  const request: GroupRequest = definedFields({ name, members, guaranteedMs: guarantee, whenExpired });
  await submitChange(
    context,
    paths.groups,
    request,
    { name },
    `Set ${name} to ${members.join(', ')}`,
    `${name} is frozen and will change`,
  );
}

/** A list of names states only the number of members, so this command reads the export. */
async function list({ client, stdout, stderr, json }: CommandContext, text = '/**'): Promise<void> {
  const glob = parseGlobArgument(text);
  const print = stdout.table();
  let count = 0;
  await client.export(async (lines) => {
    const groups = (lines as readonly ExportLine[]).filter(
      (line) => line.kind === 'group' && matches(glob, line.name),
    ) as readonly Extract<ExportLine, { readonly kind: 'group' }>[];
    count += groups.length;
    if (json) for (const { name, members } of groups) await stdout.json({ name, members });
    else await print(groups.map(({ name, members }) => [name, styled('faint', members.join(' '))]));
  });
  if (count === 0) await stderr.line(styled('faint', `No group matches ${glob.text}`));
}

interface RemoveOptions {
  readonly whenExpired?: true;
  readonly force?: true;
}

async function remove(
  context: CommandContext,
  text: string,
  { whenExpired, force }: RemoveOptions,
): Promise<void> {
  const name = parseNameArgument(text);
  const request: RemoveRequest = definedFields({ name, whenExpired, force });
  const scheduled = `${name} is frozen and will be removed`;
  await submitChange(context, paths.remove, request, { name }, `Removed ${name}`, scheduled);
}
