/** `clerk watch`: what is there, and then every change, until it is interrupted. A registry that goes away is waited for. */
import type { Command } from 'commander';
import { isClerkError } from '../core/errors.js';
import type { Change, Endpoint } from '../index.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, type Context } from './command.js';
import type { Io } from './io.js';
import { globOf } from './names.js';
import { paint, type Output } from './output.js';
import { warningsOf } from './warnings.js';
import { count } from './wording.js';

/** Adds the command. */
export function addWatch(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'watch <glob>',
    summary: 'follow names as they change',
    description:
      'Show the names that a glob fits (as in `clerk ls`), and then every change of them or their endpoints, until it is interrupted: + new, ~ changed, - gone. Goes on after the registry was away.',
    examples: [
      ["clerk watch '/shop/**'", 'everything below /shop'],
      [
        "clerk watch /shop/orders --json | jq -c '{type, endpoints: (.endpoints | length?)}'",
        'one value a line, for programs',
      ],
    ],
  });
  command.action((glob: string) => watch(contextOf(io, command), glob));
}

/** Longer than anybody watches; a watch itself keeps no process alive. */
const foreverMs = 2 ** 31 - 1;

async function watch(context: Context, text: string): Promise<void> {
  const { io, clock, client, registries, out, say, json } = context;
  const glob = globOf(text).text;
  // The library would wait for a registry that is not there; whoever types wants to know.
  await client.get(paths.status);
  const { createClerk } = await import('../index.js');
  const clerk = createClerk({ registry: registries, logger: warningsOf(say) });
  const alive = clock.setTimer(() => undefined, foreverMs);
  const signal = io.interrupted();
  const known = new Set<string>();
  try {
    for await (const change of clerk.watch(glob, { signal })) {
      if (json) await out.json(record(change));
      else await print(out, change, known.has(change.name));
      if (change.type === 'put') known.add(change.name);
      else known.delete(change.name);
    }
  } catch (error) {
    if (!signal.aborted || !isClerkError(error) || error.code !== 'ABORTED') throw error;
  } finally {
    alive.cancel();
    await clerk.destroy();
  }
}

function record(change: Change): object {
  const { type, name } = change;
  if (change.type === 'delete') return { type, name };
  const { revision, target, endpoints } = change;
  if (target !== undefined) return { type, name, kind: 'link', target };
  return { type, name, kind: 'service', endpoints: endpoints.map(shape), revision };
}

/** As `resolve --json` has them, but for the lease. */
function shape(endpoint: Endpoint): object {
  const { id, epoch, addresses, host, zone, version, weight, attributes, state } = endpoint;
  const place = { host: host ?? null, zone: zone ?? null, version: version ?? null };
  return { id, epoch, addresses, ...place, weight, attributes, state };
}

async function print(out: Output, change: Change, isKnown: boolean): Promise<void> {
  if (change.type === 'delete') return out.line(paint('bad', '- '), change.name);
  const { name, target, endpoints } = change;
  const mark = isKnown ? paint('doubtful', '~ ') : paint('good', '+ ');
  if (target !== undefined) return out.line(mark, name, paint('faint', `  → ${target}`));
  const who = endpoints.map(({ address, state }) => (state === 'up' ? address : `${address} (${state})`));
  const few = who.length > 4 ? [...who.slice(0, 4), '…'] : who;
  await out.line(mark, name, '  ', paint('faint', [count(endpoints.length, 'endpoint'), ...few].join('  ')));
}
