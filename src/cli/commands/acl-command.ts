import { accessRights, parseRights } from '../../core/access-right.js';
import { quote } from '../../core/describe-value.js';
import { definedFields } from '../../core/defined-fields.js';
import { ClerkError } from '../../core/errors.js';
import type { AccessEntry } from '../../protocol/identity-messages.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { defineGroup } from '../define-group.js';
import { styled } from '../output.js';
import { parseGlobArgument, parseNameArgument } from '../parse-name.js';
import { printColumns, type Column } from '../print-columns.js';

const meanings =
  'RIGHTS is a list separated by commas: read (look up, list and watch), test (find out whether the name exists), call (includes read), advertise (register endpoints), write (define, link, move and remove; includes read), launch (start and stop), admin (change rights and keys).';

const directoryOption = [
  '--directory <name>',
  'directory that stores the right; a principal such as ../web/* is relative to this directory (default: the part of the path before its first wildcard)',
] as const;

const addAllowCommand = defineCommand({
  usage: 'allow <principal> <path> <rights>',
  summary: 'give rights',
  description: `Give rights on a path to a principal, a group, or all principals that match a glob such as ../web/*, which is relative to the directory of the path. You need the right admin on the path, and each right that you give. ${meanings}`,
  options: (own) => own.option(...directoryOption),
  examples: [
    ['clerk acl allow /shop/web /shop/orders call', 'one client may call one service'],
    [
      "clerk acl allow '/shop/*' '/shop/**' read,call",
      'all principals of the shop may call all its services',
    ],
  ],
  run: (context, principal: string, path: string, rights: string, options: ChangeOptions) =>
    change(context, 'allow', principal, path, rights, options),
});

const addRemoveCommand = defineCommand({
  usage: 'remove <principal> <path> [rights]',
  summary: 'take rights away',
  description:
    'Take rights away that were given with exactly this principal and path; without RIGHTS, all of them. From then on, the registry refuses requests that need these rights. A ticket that a client has received before stays valid until it expires, at most 5 min.',
  options: (own) => own.option(...directoryOption),
  examples: [
    ['clerk acl remove /shop/web /shop/orders call', 'one right'],
    ['clerk acl remove /shop/web /shop/orders', 'all rights of this entry'],
  ],
  run: (context, principal: string, path: string, rights: string | undefined, options: ChangeOptions) =>
    change(context, 'remove', principal, path, rights ?? accessRights.join(','), options),
});

const addLsCommand = defineCommand({
  usage: 'ls [path]',
  summary: 'list rights',
  description:
    'List the rights on paths that you administrate; with PATH, only the rights that are stored in its directories.',
  examples: [
    ['clerk acl ls', 'all rights'],
    ['clerk acl ls /shop', 'the rights that are stored in the directories / and /shop'],
  ],
  run: list,
});

const addExplainCommand = defineCommand({
  usage: 'explain <principal> <path> <rights>',
  summary: 'show whether a principal has rights, and why',
  description: `Show for each right whether a principal has it on a name: which entry gives it, and through which group. Exits with 0 even if a right is missing; scripts read the field allowed of --json. You need the right admin on the name, unless you ask about yourself. ${meanings}`,
  examples: [
    ['clerk acl explain /shop/web /shop/orders call', 'one right'],
    ["clerk acl explain /shop/web /shop/orders call,launch --json | jq '.allowed'", 'true or false'],
  ],
  run: explain,
});

export const addAclCommand = defineGroup({
  name: 'acl',
  summary: 'manage the rights of principals on names',
  description: `Give, take away, list and explain the rights of principals on names. ${meanings}`,
  commands: [addAllowCommand, addRemoveCommand, addLsCommand, addExplainCommand],
  examples: [
    ['clerk acl allow /shop/web /shop/orders call', '/shop/web may call /shop/orders'],
    ['clerk acl explain /shop/web /shop/orders call', 'who allowed this'],
  ],
});

interface ChangeOptions {
  readonly directory?: string;
}

async function change(
  { registry, stdout, json }: CommandContext,
  kind: 'allow' | 'remove',
  principalText: string,
  pathText: string,
  rightsText: string,
  { directory }: ChangeOptions,
): Promise<void> {
  const principal = parsePrincipalPattern(principalText);
  const path = parseGlobArgument(pathText).text;
  const rights = parseRights(rightsText);
  const { revision } = await registry.access[kind](principal, path, rights, definedFields({ directory }));
  if (json) return stdout.json({ principal, path, rights, revision });
  const given = rights.length === accessRights.length ? 'all rights' : rights.join(',');
  await stdout.line(
    kind === 'allow'
      ? `Allowed ${principal} ${given} on ${path}`
      : `Removed ${given} on ${path} from ${principal}`,
    styled('faint', `  revision ${revision}`),
  );
}

async function list(
  { registry, stdout, stderr, json }: CommandContext,
  text: string | undefined,
): Promise<void> {
  const path = text === undefined || text === '/' ? text : parseNameArgument(text);
  const entries = await registry.access.list(path);
  if (json) for (const entry of entries) await stdout.json(entry);
  else if (entries.length > 0) await printColumns(stdout, columns, entries);
  else
    await stderr.line(
      styled('faint', 'No rights found; the list contains only paths on which you have the right admin'),
    );
}

const columns: readonly Column<AccessEntry>[] = [
  ['PRINCIPAL', ({ principal }) => principal],
  ['PATH', ({ path }) => path],
  ['RIGHTS', ({ rights }) => rights.join(',')],
  ['DIRECTORY', ({ directory }) => directory],
];

async function explain(
  { registry, stdout, json }: CommandContext,
  principalText: string,
  pathText: string,
  rightsText: string,
): Promise<void> {
  const principal = parseNameArgument(principalText, 'Principal');
  const path = pathText === '/' ? pathText : parseNameArgument(pathText, 'Path');
  for (const right of parseRights(rightsText)) {
    const { allowed, reason, entry, groups } = await registry.access.explain(principal, path, right);
    if (json)
      await stdout.json({ principal, path, right, allowed, reason, ...definedFields({ entry, groups }) });
    else
      await stdout.line(
        styled('strong', right),
        '  ',
        styled(allowed ? 'good' : 'bad', allowed ? 'allowed' : 'not allowed'),
        `  ${reason}`,
      );
  }
}

/** Accepts a name, a glob, or a pattern that is relative to a directory, such as `../web/*`. */
function parsePrincipalPattern(text: string): string {
  if (/^\.{1,2}\//.test(text)) return text;
  if (text.startsWith('/')) return parseGlobArgument(text).text;
  throw new ClerkError(
    'NAME_INVALID',
    `Principal must begin with '/', './' or '../'; got ${quote(text)}, use '/${text}'`,
  );
}
