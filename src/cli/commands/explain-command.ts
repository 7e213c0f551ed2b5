/**
 * `clerk explain`: whom a call would go to, and why not to the others, as the library sees it from here. Connects to one
 * endpoint, sends it nothing, and starts nobody.
 */
import type { Command } from 'commander';
import { ClerkError, isClerkError } from '../../core/errors.js';
import type { BoundResolution, EndpointInit, Explanation, Registry } from '../../index.js';
import type { ResolveResponse, EndpointMessage } from '../../protocol/messages.js';
import { paths } from '../../protocol/paths.js';
import { addCommand, createContext, type CommandContext } from '../command-context.js';
import type { Io } from '../io.js';
import { parseNameArgument } from '../parse-name.js';
import { styled, type Output } from '../output.js';
import { decodeResolve } from '../decode-responses.js';
import { stderrLogger } from '../stderr-logger.js';
import { formatDuration, formatPercent } from '../format.js';

/** Adds the command. */
export function addExplainCommand(program: Command, io: Io): void {
  const command = addCommand(program, {
    usage: 'explain <name>',
    summary: 'show whom a call would go to, and why',
    description:
      'Show whom a call from this machine would go to: the candidates with their scores (lower is better), those left out and why, and for how long the look-up may be used. Tries a connection; nobody is called or started.',
    examples: [
      ['clerk explain /shop/orders', 'who would be asked'],
      ["clerk explain /shop/orders --json | jq '.leftOut'", 'who would not'],
    ],
  });
  command.action((name: string) => explain(createContext(io, command), name));
}

async function explain(context: CommandContext, text: string): Promise<void> {
  const { client, stdout, stderr, json, timeoutMs } = context;
  const name = parseNameArgument(text);
  const resolution = toResolution(decodeResolve(await client.get(paths.resolve, { name }), ''));
  const { createClerk } = await import('../../index.js');
  // Over a port of our own, since over the registry's own the service could be started.
  const registry: Registry = { resolve: () => resolution };
  const clerk = createClerk({ registry, logger: stderrLogger(stderr) });
  try {
    const binding = clerk.bind(name);
    await binding.ready({ timeoutMs }).catch((error: unknown) => {
      // That nobody can be reached is what the explanation is about.
      if (!isClerkError(error) || !explainableCodes.has(error.code)) throw error;
    });
    const explanation = binding.explain();
    if (json) await stdout.json(undefinedToNull(explanation));
    else await print(stdout, explanation);
  } finally {
    await clerk.destroy();
  }
}

const explainableCodes = new Set([
  'NO_ENDPOINT',
  'ENDPOINTS_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'BUDGET_EXHAUSTED',
]);

function toResolution(reply: ResolveResponse): BoundResolution {
  const {
    name,
    kind,
    endpoints,
    policy,
    timeoutMs,
    path,
    canonical,
    revision,
    incarnation,
    ttlMs,
    guaranteedMs,
  } = reply;
  if (kind === 'directory')
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `${name} is no service; what is below it: clerk ls '${canonical}/**'`,
    );
  return {
    kind: 'bound',
    endpoints: endpoints.map(toEndpointInit),
    ...(policy !== null && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...{ path, canonical, revision, incarnation, ttlMs, guaranteedMs },
  };
}

function toEndpointInit({ host, zone, version, ...rest }: EndpointMessage): EndpointInit {
  return {
    ...rest,
    ...(host !== null && { host }),
    ...(zone !== null && { zone }),
    ...(version !== null && { version }),
  };
}

/** JSON has no `undefined`: a key that can be there always is. */
function undefinedToNull(explanation: Explanation): unknown {
  return JSON.parse(JSON.stringify(explanation, (_, value: unknown) => value ?? null));
}

async function print(stdout: Output, explanation: Explanation): Promise<void> {
  const { name, canonical, policy, candidates, leftOut, revision, ageMs, guaranteedMs } = explanation;
  const isLink = canonical !== undefined && canonical !== name;
  await stdout.line(
    styled('strong', isLink ? `${name} → ${canonical}` : name),
    '  ',
    styled('faint', `by ${policy}`),
  );
  const facts = [
    ...(ageMs === undefined ? [] : [`asked ${formatDuration(ageMs)} ago`]),
    ...(guaranteedMs === undefined ? [] : [`good for ${formatDuration(guaranteedMs)}`]),
    ...(revision === undefined ? [] : [`revision ${revision}`]),
    `a call may take ${formatDuration(explanation.timeoutMs)}`,
    `another endpoint is asked after ${formatDuration(explanation.attemptTimeoutMs)}`,
  ];
  await stdout.line(styled('faint', facts.join(', ')));
  if (candidates.length === 0 && leftOut.length === 0)
    return stdout.line(styled('doubtful', 'Nobody runs it'));
  if (candidates.length > 0) {
    await stdout.line('');
    const hasLoad = candidates.some(({ utilization }) => utilization !== undefined);
    const titles = [
      'CANDIDATE',
      'ADDRESS',
      'BAD_STATUS',
      'PENDING',
      'LATENCY',
      ...(hasLoad ? ['LOAD'] : []),
      'SCORE',
    ];
    await stdout.table()([
      titles.map((title) => styled('faint', title)),
      ...candidates.map(({ endpoint, status, pending, latencyMs, utilization, score }) => [
        endpoint.id,
        endpoint.address,
        styled(status === 'open' ? 'good' : 'bad', status),
        String(pending),
        latencyMs === 0 ? 'unknown' : formatDuration(latencyMs),
        ...(hasLoad ? [utilization === undefined ? '' : formatPercent(utilization)] : []),
        String(Math.round(score * 1_000) / 1_000),
      ]),
    ]);
  }
  if (leftOut.length > 0) {
    await stdout.line('');
    await stdout.table()([
      [styled('faint', 'LEFT OUT'), styled('faint', 'ADDRESS'), styled('faint', 'WHY')],
      ...leftOut.map(({ endpoint, reason }) => [endpoint.id, endpoint.address, styled('doubtful', reason)]),
    ]);
  }
}
