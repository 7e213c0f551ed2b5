/** `clerk ls`: the names that a glob fits, page by page, so that a long list begins at once. */
import type { Command } from 'commander';
import { ClerkError } from '../core/errors.js';
import type { ListEntry } from '../core/registry.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, type Context } from './command.js';
import type { Io } from './io.js';
import { globOf } from './names.js';
import { paint, type Piece } from './output.js';
import { listReply } from './replies.js';
import { count } from './wording.js';

/** Adds the command. */
export function addLs(program: Command, io: Io): void {
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
  command.action((glob: string | undefined) => list(contextOf(io, command), glob ?? '/**'));
}

async function list({ client, out, say, json }: Context, text: string): Promise<void> {
  const glob = globOf(text);
  const print = out.table();
  let after: string | undefined;
  let begunBy: string | undefined;
  let found = 0;
  do {
    const { entries, next, incarnation } = listReply(
      await client.get(paths.list, { glob: glob.text, after }),
      '',
    );
    begunBy ??= incarnation;
    // A page leads on to the next one, or is the last.
    if (incarnation !== begunBy || (next !== null && (entries.length === 0 || next === after)))
      throw new ClerkError(
        'REGISTRY_INVALID',
        'The listing broke off, since the registry was changed for another one; ask again',
      );
    found += entries.length;
    if (json) for (const entry of entries) await out.json(entry);
    else await print(entries.map(row));
    after = next ?? undefined;
  } while (after !== undefined);
  if (found > 0 && !glob.isPlain) return;
  if (found === 0) await say.line(paint('faint', `No name fits ${glob.text}`));
  // Whoever is used to directories asks for one and means what is in it.
  if (glob.isPlain && say.isTerminal)
    await say.line(paint('faint', `What is below it: clerk ls '${glob.text}/**'`));
}

function row(entry: ListEntry): Piece[] {
  return [entry.name, paint('faint', entry.kind), detail(entry)];
}

function detail({ endpoints, suspects = 0, target }: ListEntry): Piece {
  if (target !== undefined) return `→ ${target}`;
  if (endpoints === undefined) return '';
  if (suspects > 0)
    return paint('doubtful', `${count(endpoints, 'endpoint')}, ${String(suspects)} of them suspect`);
  return paint(endpoints === 0 ? 'doubtful' : 'good', count(endpoints, 'endpoint'));
}
