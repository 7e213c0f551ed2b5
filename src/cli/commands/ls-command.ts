import { definedFields } from '../../core/defined-fields.js';
import { ClerkError } from '../../core/errors.js';
import type { ListEntry } from '../../core/registry.js';
import { paths } from '../../protocol/paths.js';
import { listResponse } from '../../protocol/response-schemas.js';
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
    ["clerk ls '/shop/*'", 'one level below /shop'],
    ["clerk ls '/shop/**' --json", 'all names below /shop, as JSON'],
  ],
  run: list,
});

async function list({ client, stdout, stderr, json }: CommandContext, text = '/**'): Promise<void> {
  const glob = parseGlobArgument(text);
  const print = stdout.table();
  let after: string | undefined;
  let firstIncarnation: string | undefined;
  let total = 0;
  do {
    const query = definedFields({ glob: glob.text, after });
    const { entries, next, incarnation } = await client.get(paths.list, listResponse, query);
    firstIncarnation ??= incarnation;
    // An empty page or a repeated position would make this loop endless.
    if (incarnation !== firstIncarnation || (next !== null && (entries.length === 0 || next === after)))
      throw new ClerkError(
        'REGISTRY_INVALID',
        'The listing was interrupted because the registry restarted or was replaced; repeat the command',
      );
    total += entries.length;
    if (json) for (const entry of entries) await stdout.json(entry);
    else await print(entries.map(row));
    after = next ?? undefined;
  } while (after !== undefined);
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
