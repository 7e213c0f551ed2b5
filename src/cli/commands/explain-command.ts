import { ClerkError, isClerkError } from '../../core/errors.js';
import type { Explanation } from '../../index.js';
import { decodeResolution } from '../../protocol/resolution-codec.js';
import { defineCommand, type CommandContext } from '../command-context.js';
import { parseNameArgument } from '../parse-name.js';
import { styled, type Output } from '../output.js';
import { printColumns, type Column } from '../print-columns.js';
import { stderrLogger } from '../stderr-logger.js';
import { formatDuration, formatPercent, joinFacts } from '../format.js';
import { formatScheduled } from '../format-scheduled.js';
import { formatRetries } from '../retry-option-parsers.js';

/** `clerk explain`: shows the endpoint that the library would choose. Sends no request and starts no service. */
export const addExplainCommand = defineCommand({
  usage: 'explain <name>',
  summary: 'show which endpoint a call would use, and why',
  description:
    'Show which endpoint a call from this machine would use. Prints the candidates with their scores (lower is better), the excluded endpoints with the reason, and how long the lookup is valid. Opens a connection, but sends no request to the service and starts no service.',
  examples: [
    ['clerk explain /shop/orders', 'the candidates'],
    ["clerk explain /shop/orders --json | jq '.leftOut'", 'the excluded endpoints'],
  ],
  run: explain,
});

async function explain(context: CommandContext, text: string): Promise<void> {
  const { registry, stdout, stderr, json, timeoutMs, registryOptions } = context;
  const name = parseNameArgument(text);
  const response = await registry.resolve(name);
  if (response.kind === 'group')
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `${name} is a group of principals, not a service; list its members with clerk group ls ${name}`,
    );
  if (response.kind === 'directory')
    throw new ClerkError(
      'NAME_NOT_FOUND',
      `${name} is a directory, not a service; list it with clerk ls '${response.canonical}/**'`,
    );
  const { createClerk } = await import('../../index.js');
  const resolution = decodeResolution(response);
  // The registry of this clerk has no function `start`, so the clerk starts no service.
  const { identity } = registryOptions;
  const clerk = createClerk({
    registry: { resolve: () => resolution },
    identity,
    // The explanation needs no ticket, and this registry has no server that could issue one.
    tickets: 'off',
    logger: stderrLogger(stderr),
  });
  try {
    const binding = clerk.bind(name);
    // The wait is short, because ready() waits for the whole time if no endpoint can be used.
    const waitMs = Math.min(timeoutMs, resolution.endpoints.length === 0 ? 100 : 2_000);
    await binding.ready({ timeoutMs: waitMs }).catch((error: unknown) => {
      // A failed connection is part of the explanation.
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
  'ENDPOINT_UNPROVEN',
  'ENDPOINTS_EXHAUSTED',
  'DEADLINE_EXCEEDED',
  'BUDGET_EXHAUSTED',
]);

/** `JSON.stringify` omits undefined values, so null replaces them. */
function undefinedToNull(explanation: Explanation): unknown {
  return JSON.parse(JSON.stringify(explanation, (_, value: unknown) => value ?? null));
}

async function print(stdout: Output, explanation: Explanation): Promise<void> {
  const { name, canonical, policy, proved, candidates, leftOut, starting = 0 } = explanation;
  const { revision, ageMs, guaranteedMs, usableMs } = explanation;
  const isLink = canonical !== undefined && canonical !== name;
  await stdout.line(
    styled('strong', isLink ? `${name} → ${canonical}` : name),
    '  ',
    styled('faint', `policy ${policy}`),
  );
  const facts = joinFacts(
    proved && 'endpoints prove their keys',
    ageMs !== undefined && `looked up ${formatDuration(ageMs)} ago`,
    guaranteedMs !== undefined &&
      (guaranteedMs > 0 ? `guaranteed for ${formatDuration(guaranteedMs)}` : 'not guaranteed'),
    usableMs !== undefined && usableMs !== guaranteedMs && `usable for ${formatDuration(usableMs)}`,
    revision !== undefined && `revision ${revision}`,
    starting > 0 && `${String(starting)} starting`,
    `call timeout ${formatDuration(explanation.timeoutMs)}`,
    attemptTimeoutFact(explanation),
    `retries ${formatRetries(explanation.settings.retries)}`,
  );
  await stdout.line(styled('faint', facts));
  for (const change of explanation.scheduled ?? [])
    await stdout.line(styled('warning', formatScheduled(change)));
  if (candidates.length === 0 && leftOut.length === 0) return stdout.line(styled('warning', 'No endpoints'));
  if (candidates.length > 0) {
    await stdout.line('');
    await printColumns(stdout, candidateColumns, candidates);
  }
  if (leftOut.length > 0) {
    await stdout.line('');
    await printColumns(stdout, excludedColumns, leftOut);
  }
}

/** Shows the initial attempt timeout, because a clerk without requests has not learned another attempt timeout. */
function attemptTimeoutFact({ initialAttemptTimeoutMs, settings }: Explanation): string {
  const { minAttemptTimeoutMs: min, maxAttemptTimeoutMs: max } = settings;
  const time = `attempt timeout ${formatDuration(initialAttemptTimeoutMs)}`;
  return min === max
    ? `${time} for all requests`
    : `${time} at first (each client learns an attempt timeout from 10 responses to requests with the same method and first path segment)`;
}

const candidateColumns: readonly Column<Explanation['candidates'][number]>[] = [
  ['CANDIDATE', ({ endpoint }) => endpoint.id],
  ['ADDRESS', ({ endpoint }) => endpoint.address],
  ['KEY', ({ key }) => key ?? ''],
  ['STATUS', ({ status }) => styled(status === 'open' ? 'good' : 'bad', status)],
  ['PENDING', ({ pending }) => String(pending)],
  ['LATENCY', ({ latencyMs }) => (latencyMs === 0 ? 'unknown' : formatDuration(latencyMs))],
  ['LOAD', ({ utilization }) => (utilization === undefined ? '' : formatPercent(utilization))],
  ['SCORE', ({ score }) => String(Math.round(score * 1_000) / 1_000)],
  ['POLICY', ({ policyNote }) => policyNote ?? ''],
];

const excludedColumns: readonly Column<Explanation['leftOut'][number]>[] = [
  ['EXCLUDED', ({ endpoint }) => endpoint.id],
  ['ADDRESS', ({ endpoint }) => endpoint.address],
  ['WHY', ({ reason }) => styled('warning', reason)],
];
