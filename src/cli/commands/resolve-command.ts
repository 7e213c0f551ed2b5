/** `clerk resolve`: what a name stands for now, by which way it was found, and for how long that is promised. */
import type { Command } from 'commander';
import type { ResolveResponse } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import { printEndpoints } from '../print-endpoints.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { styled, type Output } from '../output.js';
import { decodeResolve } from '../decode-responses.js';
import { formatDuration } from '../format.js';

/** Adds the command. */
export function addResolveCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'resolve <name>',
    summary: 'look a name up',
    description:
      'Look a name up: the way to it through links, the rule for choosing, how long that is promised, and every endpoint. A service that nobody runs is an answer too.',
    examples: [
      ['clerk resolve /shop/orders', 'who runs it'],
      ["clerk resolve /shop/orders --json | jq -r '.endpoints[].addresses[0]'", 'only the addresses'],
    ],
  });
  command.action((name: string) => resolve(createContext(io, command), name));
}

async function resolve({ client, stdout, json, clock }: CommandContext, name: string): Promise<void> {
  const requestedAt = clock.now();
  const reply = decodeResolve(await client.get(paths.resolve, { name: parseNameArgument(name) }), '');
  const ageMs = Math.round((clock.now() - requestedAt) * 1_000) / 1_000;
  if (!json) return print(stdout, reply, ageMs);
  const { canonical, kind, path, endpoints, policy, timeoutMs, revision, guaranteedMs } = reply;
  // Asked just now and of the registry itself: never stale.
  const tail = {
    policy,
    ...(timeoutMs !== undefined && { timeoutMs }),
    revision,
    guaranteedMs,
    ageMs,
    stale: false,
  };
  return stdout.json({ name: reply.name, canonical, kind, path, endpoints, ...tail });
}

async function print(stdout: Output, reply: ResolveResponse, ageMs: number): Promise<void> {
  const {
    name,
    canonical,
    kind,
    path,
    endpoints,
    policy,
    timeoutMs,
    revision,
    guaranteedMs,
    launchable,
    healthQueried = [],
  } = reply;
  const links = path.filter((arc) => arc.kind === 'link').map((arc) => arc.name);
  const hops = links.length > 0 ? [...links, canonical] : name === canonical ? [name] : [name, canonical];
  await stdout.line(styled('strong', hops.join(' → ')), '  ', styled('faint', kind));
  const facts = [
    ...(policy === null ? [] : [`chosen by ${policy}`]),
    ...(timeoutMs === undefined ? [] : [`a call may take ${formatDuration(timeoutMs)}`]),
    ...(launchable ? ['started on demand'] : []),
    `promised for ${formatDuration(guaranteedMs)}`,
    `revision ${revision}`,
    `asked ${formatDuration(ageMs)} ago`,
  ];
  await stdout.line(styled('faint', facts.join(', ')));
  if (kind === 'directory') return stdout.line(`It has names below it: clerk ls '${canonical}/**'`);
  if (endpoints.length === 0)
    return stdout.line(styled('doubtful', launchable ? 'Nobody runs it yet' : 'Nobody runs it'));
  await stdout.line('');
  await printEndpoints(stdout, endpoints);
  if (healthQueried.length === 0) return;
  await stdout.line('');
  await stdout.line(styled('doubtful', `Somebody cannot reach ${healthQueried.join(', ')}`));
}
