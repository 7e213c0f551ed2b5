/** `clerk resolve`: what a name stands for now, by which way it was found, and for how long that is promised. */
import type { Command } from 'commander';
import type { ResolveReply } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, type Context } from './command.js';
import { printEndpoints } from './endpoint-table.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';
import { paint, type Output } from './output.js';
import { resolveReply } from './replies.js';
import { duration } from './wording.js';

/** Adds the command. */
export function addResolve(program: Command, io: Io): void {
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
  command.action((name: string) => resolve(contextOf(io, command), name));
}

async function resolve({ client, out, json, clock }: Context, name: string): Promise<void> {
  const askedAt = clock.now();
  const reply = resolveReply(await client.get(paths.resolve, { name: nameOf(name) }), '');
  const ageMs = Math.round((clock.now() - askedAt) * 1_000) / 1_000;
  if (!json) return print(out, reply, ageMs);
  const { canonical, kind, trail, endpoints, policy, timeoutMs, revision, promiseMs } = reply;
  // Asked just now and of the registry itself: never stale.
  const rest = {
    policy,
    ...(timeoutMs !== undefined && { timeoutMs }),
    revision,
    promiseMs,
    ageMs,
    stale: false,
  };
  return out.json({ name: reply.name, canonical, kind, trail, endpoints, ...rest });
}

async function print(out: Output, reply: ResolveReply, ageMs: number): Promise<void> {
  const {
    name,
    canonical,
    kind,
    trail,
    endpoints,
    policy,
    timeoutMs,
    revision,
    promiseMs,
    launchable,
    doubted = [],
  } = reply;
  const links = trail.filter((arc) => arc.kind === 'link').map((arc) => arc.name);
  const way = links.length > 0 ? [...links, canonical] : name === canonical ? [name] : [name, canonical];
  await out.line(paint('strong', way.join(' → ')), '  ', paint('faint', kind));
  const facts = [
    ...(policy === null ? [] : [`chosen by ${policy}`]),
    ...(timeoutMs === undefined ? [] : [`a call may take ${duration(timeoutMs)}`]),
    ...(launchable ? ['started on demand'] : []),
    `promised for ${duration(promiseMs)}`,
    `revision ${revision}`,
    `asked ${duration(ageMs)} ago`,
  ];
  await out.line(paint('faint', facts.join(', ')));
  if (kind === 'directory') return out.line(`It has names below it: clerk ls '${canonical}/**'`);
  if (endpoints.length === 0)
    return out.line(paint('doubtful', launchable ? 'Nobody runs it yet' : 'Nobody runs it'));
  await out.line('');
  await printEndpoints(out, endpoints);
  if (doubted.length === 0) return;
  await out.line('');
  await out.line(paint('doubtful', `Somebody cannot reach ${doubted.join(', ')}`));
}
