import { maxTimerMs } from '../../core/clock.js';
import { definedFields } from '../../core/defined-fields.js';
import { isClerkError } from '../../core/errors.js';
import type { NameChange, Endpoint } from '../../index.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { parseGlobArgument } from '../parse-name.js';
import { styled, type Output } from '../output.js';
import { stderrLogger } from '../stderr-logger.js';
import { formatCount } from '../format.js';

export const addWatchCommand = defineCommand({
  usage: 'watch <glob>',
  summary: 'print names and their changes',
  description:
    'Print the names that match a glob, as `clerk ls` does. Then print every change of these names or of their endpoints (+ added, ~ changed, - removed) until an interrupt. Reconnects to the registry after a lost connection.',
  examples: [
    ["clerk watch '/shop/**'", 'all names below /shop'],
    [
      "clerk watch /shop/orders --json | jq -c '{type, endpoints: (.endpoints | length?)}'",
      'one JSON value per line',
    ],
  ],
  run: watch,
});

async function watch(context: CommandContext, text: string): Promise<void> {
  const { io, clock, registry, registryOptions, stdout, stderr, json } = context;
  const glob = parseGlobArgument(text).text;
  // Without this request, the command would wait for an unreachable registry instead of failing.
  await registry.status();
  const { createClerk } = await import('../../index.js');
  const clerk = createClerk({ ...registryOptions, logger: stderrLogger(stderr) });
  // A watch alone does not keep the process alive.
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
  const { revision, target, endpoints, starting } = change;
  if (target !== undefined) return { type, name, kind: 'link', target };
  const listed = { endpoints: endpoints.map(endpointJson), ...definedFields({ starting }) };
  return { type, name, kind: 'service', ...listed, revision };
}

/** Uses the form of `clerk resolve --json`, without the lease. */
function endpointJson(endpoint: Endpoint): object {
  const { id, epoch, addresses, host, zone, version, weight, attributes, state } = endpoint;
  const place = { host: host ?? null, zone: zone ?? null, version: version ?? null };
  return { id, epoch, addresses, ...place, weight, attributes, state };
}

async function print(stdout: Output, change: NameChange, isKnown: boolean): Promise<void> {
  if (change.type === 'delete') return stdout.line(styled('bad', '- '), change.name);
  const { name, target, endpoints, starting = 0 } = change;
  const symbol = isKnown ? styled('warning', '~ ') : styled('good', '+ ');
  if (target !== undefined) return stdout.line(symbol, name, styled('faint', `  → ${target}`));
  const shownEndpoints = endpoints.map(({ address, state }) =>
    state === 'up' ? address : `${address} (${state})`,
  );
  const firstEndpoints = shownEndpoints.length > 4 ? [...shownEndpoints.slice(0, 4), '…'] : shownEndpoints;
  const counted = formatCount(endpoints.length, 'endpoint');
  const count = starting > 0 ? `${counted}, ${String(starting)} starting` : counted;
  await stdout.line(symbol, name, '  ', styled('faint', [count, ...firstEndpoints].join('  ')));
}
