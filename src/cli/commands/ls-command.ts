import type { ListEntry } from '../../core/registry.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { parseGlobArgument } from '../parse-name.js';
import { styled, type TextPart } from '../output.js';
import { formatCount } from '../format.js';

export const addLsCommand = defineCommand({
  usage: 'ls [glob]',
  summary: 'list names',
  description:
    'List the names that match a glob: * matches any text within a segment, ** matches any number of segments. Default: all names. Quote a glob, so that the shell does not expand it.',
  examples: [
    ['clerk ls', 'every name'],
    ['clerk ls /', 'the names and directories at the top'],
    ["clerk ls '/shop/*'", 'one level below /shop, with its directories'],
    ["clerk ls '/shop/**' --json", 'all names below /shop, as JSON'],
  ],
  run: list,
});

async function list({ registry, stdout, stderr, json }: CommandContext, text = '/**'): Promise<void> {
  // The root is not a name, but users list it like a folder.
  const glob = parseGlobArgument(text === '/' ? '/*' : text);
  const print = stdout.table();
  let total = 0;
  for await (const entries of registry.list(glob.text)) {
    total += entries.length;
    if (json) for (const entry of entries) await stdout.json(entry);
    else await print(entries.map(row));
  }
  if (total > 0 && !glob.isExact) return;
  if (total === 0) await stderr.line(styled('faint', `No name matches ${glob.text}`));
  // This glob matches only one name, but the user may expect the names below it.
  if (glob.isExact && stderr.isTerminal)
    await stderr.line(styled('faint', `List the names below ${glob.text} with clerk ls '${glob.text}/**'`));
}

function row(entry: ListEntry): TextPart[] {
  return [entry.name, styled('faint', entry.kind), entryDetail(entry)];
}

function entryDetail(entry: ListEntry): TextPart {
  const { endpoints, suspects = 0, starting = 0, outdated = 0, target, members } = entry;
  if (target !== undefined) return `→ ${target}`;
  if (members !== undefined) return formatCount(members, 'member');
  if (endpoints === undefined) return '';
  const faults = [
    ...(suspects > 0 ? [`${String(suspects)} suspect`] : []),
    ...(starting > 0 ? [`${String(starting)} starting`] : []),
    ...(outdated > 0 ? [`${String(outdated)} outdated`] : []),
  ];
  if (faults.length > 0) return styled('warning', [formatCount(endpoints, 'endpoint'), ...faults].join(', '));
  return styled(endpoints === 0 ? 'warning' : 'good', formatCount(endpoints, 'endpoint'));
}
