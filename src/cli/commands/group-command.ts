import type { GroupEntry } from '../../admin/index.js';
import { definedFields } from '../../core/defined-fields.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { defineGroup } from '../define-group.js';
import { integerOption } from '../option-parsers.js';
import { styled } from '../output.js';
import { parseGlobArgument, parseNameArgument } from '../parse-name.js';
import { printChange } from '../print-change.js';

const addSetCommand = defineCommand({
  usage: 'set <name> <principal...>',
  summary: 'create a group, or replace its members',
  description:
    'Create a group of principals, or replace its members. A member may be another group. Rights are given to a group by its name, with `clerk acl allow`. Until the guaranteed time of the group has passed, a change is rejected. Needs the right write on the name of the group.',
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
    'Remove a group. The rights of the group are kept, and apply to a later group with this name. Needs the right write on the name of the group.',
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
  const options = definedFields({ guaranteedMs: guarantee, whenExpired });
  await printChange(
    context,
    context.registry.groups.set(name, members, options),
    { name },
    `Set ${name} to ${members.join(', ')}`,
    `${name} is frozen and will change`,
  );
}

async function list({ registry, stdout, stderr, json }: CommandContext, text = '/**'): Promise<void> {
  const glob = parseGlobArgument(text);
  const groups: GroupEntry[] = [];
  for await (const group of registry.groups.list(glob.text)) {
    groups.push(group);
    if (json) await stdout.json(group);
  }
  if (!json)
    await stdout.table()(groups.map(({ name, members }) => [name, styled('faint', members.join(' '))]));
  if (groups.length === 0) await stderr.line(styled('faint', `No group matches ${glob.text}`));
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
  const change = context.registry.remove(name, definedFields({ whenExpired, force }));
  const scheduled = `${name} is frozen and will be removed`;
  await printChange(context, change, { name }, `Removed ${name}`, scheduled);
}
