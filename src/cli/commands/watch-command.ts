/** `clerk watch`: what is there, and then every change, until it is interrupted. A registry that goes away is waited for. */
import type { Command } from 'commander';
import { isClerkError } from '../../core/errors.js';
import type { NameChange, Endpoint } from '../../index.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseGlobArgument } from '../parse-name.js';
import { styled, type Output } from '../output.js';
import { stderrLogger } from '../stderr-logger.js';
import { formatCount } from '../format.js';

/** Adds the command. */
export function addWatchCommand(program: Command, io: Io): void {
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
  command.action((glob: string) => watch(createContext(io, command), glob));
}

/** Longer than anybody watches; a watch itself keeps no process alive. */
const maxTimerMs = 2 ** 31 - 1;

async function watch(context: CommandContext, text: string): Promise<void> {
  const { io, clock, client, registries, stdout, stderr, json } = context;
  const glob = parseGlobArgument(text).text;
  // The library would wait for a registry that is not there; whoever types wants to know.
  await client.get(paths.status);
  const { createClerk } = await import('../../index.js');
  const clerk = createClerk({ registry: registries, logger: stderrLogger(stderr) });
  const keepAlive = clock.setTimer(() => undefined, maxTimerMs);
  const signal = io.interruptSignal();
  const known = new Set<string>();
  try {
    for await (const change of clerk.watch(glob, { signal })) {
      if (json) await stdout.json(changeJson(change));
      else await print(stdout, change, known.has(change.name));
      if (change.type === 'put') known.add(change.name);
      else known.delete(change.name);
    }
  } catch (error) {
    if (!signal.aborted || !isClerkError(error) || error.code !== 'ABORTED') throw error;
  } finally {
    keepAlive.cancel();
    await clerk.destroy();
  }
}

function changeJson(change: NameChange): object {
  const { type, name } = change;
  if (change.type === 'delete') return { type, name };
  const { revision, target, endpoints } = change;
  if (target !== undefined) return { type, name, kind: 'link', target };
  return { type, name, kind: 'service', endpoints: endpoints.map(endpointJson), revision };
}

/** As `resolve --json` has them, but for the lease. */
function endpointJson(endpoint: Endpoint): object {
  const { id, epoch, addresses, host, zone, version, weight, attributes, state } = endpoint;
  const place = { host: host ?? null, zone: zone ?? null, version: version ?? null };
  return { id, epoch, addresses, ...place, weight, attributes, state };
}

async function print(stdout: Output, change: NameChange, isKnown: boolean): Promise<void> {
  if (change.type === 'delete') return stdout.line(styled('bad', '- '), change.name);
  const { name, target, endpoints } = change;
  const symbol = isKnown ? styled('doubtful', '~ ') : styled('good', '+ ');
  if (target !== undefined) return stdout.line(symbol, name, styled('faint', `  → ${target}`));
  const shownEndpoints = endpoints.map(({ address, state }) =>
    state === 'up' ? address : `${address} (${state})`,
  );
  const firstEndpoints = shownEndpoints.length > 4 ? [...shownEndpoints.slice(0, 4), '…'] : shownEndpoints;
  await stdout.line(
    symbol,
    name,
    '  ',
    styled('faint', [formatCount(endpoints.length, 'endpoint'), ...firstEndpoints].join('  ')),
  );
}
