/**
 * `clerk explain`: whom a call would go to, and why not to the others, as the library sees it from here. Connects to one
 * endpoint, sends it nothing, and starts nobody.
 */
import type { Command } from 'commander';
import { ClerkError, isClerkError } from '../core/errors.js';
import type { BoundResolution, EndpointInit, Explanation, Registry } from '../index.js';
import type { ResolveReply, WireEndpoint } from '../wire/messages.js';
import { paths } from '../wire/paths.js';
import { addCommand, contextOf, type Context } from './command.js';
import type { Io } from './io.js';
import { nameOf } from './names.js';
import { paint, type Output } from './output.js';
import { resolveReply } from './replies.js';
import { warningsOf } from './warnings.js';
import { duration, percent } from './wording.js';

/** Adds the command. */
export function addExplain(program: Command, io: Io): void {
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
  command.action((name: string) => explain(contextOf(io, command), name));
}

async function explain(context: Context, text: string): Promise<void> {
  const { client, out, say, json, timeoutMs } = context;
  const name = nameOf(text);
  const resolution = resolutionOf(resolveReply(await client.get(paths.resolve, { name }), ''));
  const { createClerk } = await import('../index.js');
  // Over a port of our own, since over the registry's own the service could be started.
  const registry: Registry = { resolve: () => resolution };
  const clerk = createClerk({ registry, logger: warningsOf(say) });
  try {
    const binding = clerk.bind(name);
    await binding.ready({ timeoutMs }).catch((error: unknown) => {
      // That nobody can be reached is what the explanation is about.
      if (!isClerkError(error) || !aboutEndpoints.has(error.code)) throw error;
    });
    const explanation = binding.explain();
    if (json) await out.json(withoutGaps(explanation));
    else await print(out, explanation);
  } finally {
    await clerk.destroy();
  }
}

const aboutEndpoints = new Set([
  'NO_ENDPOINT',
  'ENDPOINTS_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'BUDGET_EXHAUSTED',
]);

function resolutionOf(reply: ResolveReply): BoundResolution {
  const {
    name,
    kind,
    endpoints,
    policy,
    timeoutMs,
    trail,
    canonical,
    revision,
    incarnation,
    ttlMs,
    promiseMs,
  } = reply;
  if (kind === 'directory')
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `${name} is no service; what is below it: clerk ls '${canonical}/**'`,
    );
  return {
    kind: 'bound',
    endpoints: endpoints.map(initOf),
    ...(policy !== null && { policy }),
    ...(timeoutMs !== undefined && { timeoutMs }),
    ...{ trail, canonical, revision, incarnation, ttlMs, promiseMs },
  };
}

function initOf({ host, zone, version, ...rest }: WireEndpoint): EndpointInit {
  return {
    ...rest,
    ...(host !== null && { host }),
    ...(zone !== null && { zone }),
    ...(version !== null && { version }),
  };
}

/** JSON has no `undefined`: a key that can be there always is. */
function withoutGaps(explanation: Explanation): unknown {
  return JSON.parse(JSON.stringify(explanation, (_, value: unknown) => value ?? null));
}

async function print(out: Output, explanation: Explanation): Promise<void> {
  const { name, canonical, policy, candidates, leftOut, revision, ageMs, promiseMs } = explanation;
  const isLink = canonical !== undefined && canonical !== name;
  await out.line(
    paint('strong', isLink ? `${name} → ${canonical}` : name),
    '  ',
    paint('faint', `by ${policy}`),
  );
  const facts = [
    ...(ageMs === undefined ? [] : [`asked ${duration(ageMs)} ago`]),
    ...(promiseMs === undefined ? [] : [`good for ${duration(promiseMs)}`]),
    ...(revision === undefined ? [] : [`revision ${revision}`]),
    `a call may take ${duration(explanation.timeoutMs)}`,
    `another endpoint is asked after ${duration(explanation.attemptLimitMs)}`,
  ];
  await out.line(paint('faint', facts.join(', ')));
  if (candidates.length === 0 && leftOut.length === 0) return out.line(paint('doubtful', 'Nobody runs it'));
  if (candidates.length > 0) {
    await out.line('');
    const saysLoad = candidates.some(({ utilization }) => utilization !== undefined);
    const titles = [
      'CANDIDATE',
      'ADDRESS',
      'STATUS',
      'PENDING',
      'LATENCY',
      ...(saysLoad ? ['LOAD'] : []),
      'SCORE',
    ];
    await out.table()([
      titles.map((title) => paint('faint', title)),
      ...candidates.map(({ endpoint, status, pending, latencyMs, utilization, score }) => [
        endpoint.id,
        endpoint.address,
        paint(status === 'open' ? 'good' : 'bad', status),
        String(pending),
        latencyMs === 0 ? 'unknown' : duration(latencyMs),
        ...(saysLoad ? [utilization === undefined ? '' : percent(utilization)] : []),
        String(Math.round(score * 1_000) / 1_000),
      ]),
    ]);
  }
  if (leftOut.length > 0) {
    await out.line('');
    await out.table()([
      [paint('faint', 'LEFT OUT'), paint('faint', 'ADDRESS'), paint('faint', 'WHY')],
      ...leftOut.map(({ endpoint, why }) => [endpoint.id, endpoint.address, paint('doubtful', why)]),
    ]);
  }
}
