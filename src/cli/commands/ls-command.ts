/** `clerk ls`: the names that a glob fits, page by page, so that a long list begins at once. */
import type { Command } from 'commander';
import { ClerkError } from '../../core/errors.js';
import type { ListEntry } from '../../core/registry.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseGlobArgument } from '../parse-name.js';
import { styled, type TextPart } from '../output.js';
import { decodeList } from '../decode-responses.js';
import { formatCount } from '../format.js';

/** Adds the command. */
export function addLsCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'ls [glob]',
    summary: 'list names',
    description:
      'List the names that a glob fits: * stands for anything within a segment, ** for any number of segments. Without a glob, all of them. Quote globs, since the shell has its own.',
    examples: [
      ['clerk ls', 'every name'],
      ["clerk ls '/shop/*'", 'one level below /shop'],
      ["clerk ls '/shop/**' --json", 'all below /shop, for programs'],
    ],
  });
  command.action((glob: string | undefined) => list(createContext(io, command), glob ?? '/**'));
}

async function list({ client, stdout, stderr, json }: CommandContext, text: string): Promise<void> {
  const glob = parseGlobArgument(text);
  const print = stdout.table();
  let after: string | undefined;
  let firstIncarnation: string | undefined;
  let total = 0;
  do {
    const { entries, next, incarnation } = decodeList(
      await client.get(paths.list, { glob: glob.text, after }),
      '',
    );
    firstIncarnation ??= incarnation;
    // A page leads on to the next one, or is the last.
    if (incarnation !== firstIncarnation || (next !== null && (entries.length === 0 || next === after)))
      throw new ClerkError(
        'REGISTRY_INVALID',
        'The listing broke off, since the registry was changed for another one; ask again',
      );
    total += entries.length;
    if (json) for (const entry of entries) await stdout.json(entry);
    else await print(entries.map(row));
    after = next ?? undefined;
  } while (after !== undefined);
  if (total > 0 && !glob.isExact) return;
  if (total === 0) await stderr.line(styled('faint', `No name fits ${glob.text}`));
  // Whoever is used to directories asks for one and means what is in it.
  if (glob.isExact && stderr.isTerminal)
    await stderr.line(styled('faint', `What is below it: clerk ls '${glob.text}/**'`));
}

function row(entry: ListEntry): TextPart[] {
  return [entry.name, styled('faint', entry.kind), entryDetail(entry)];
}

function entryDetail({ endpoints, suspects = 0, target }: ListEntry): TextPart {
  if (target !== undefined) return `→ ${target}`;
  if (endpoints === undefined) return '';
  if (suspects > 0)
    return styled('doubtful', `${formatCount(endpoints, 'endpoint')}, ${String(suspects)} of them suspect`);
  return styled(endpoints === 0 ? 'doubtful' : 'good', formatCount(endpoints, 'endpoint'));
}
