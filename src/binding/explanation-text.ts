import { quote } from '../core/describe-value.js';
import type { ExplainedCandidate, Explanation } from './explanation.js';

const maxRows = 20;
const maxRoutes = 5;

export function formatExplanation(explanation: Explanation): string {
  const { candidates, leftOut } = explanation;
  const rows = [
    ...candidates.slice(0, maxRows).map(candidateRow),
    ...leftOut.slice(0, maxRows).map(({ endpoint, reason }) => [endpoint.id, endpoint.address, reason]),
  ];
  const more = [
    ...(candidates.length > maxRows ? [`${candidates.length - maxRows} more candidates`] : []),
    ...(leftOut.length > maxRows ? [`${leftOut.length - maxRows} more excluded endpoints`] : []),
  ];
  const lines = rows.length === 0 ? ['  no known endpoint'] : alignColumns(rows);
  return [summaryLine(explanation), ...lines, ...(more.length > 0 ? [`  and ${more.join(', ')}`] : [])].join(
    '\n',
  );
}

function summaryLine(explanation: Explanation): string {
  const {
    name,
    canonical,
    policy,
    ageMs,
    guaranteedMs = 0,
    usableMs,
    stale,
    starting,
    scheduled = [],
    proved,
    identity,
    ticket,
    timeoutMs,
    settings,
    retriesLeft,
  } = explanation;
  const { retries, probe } = settings;
  const isLink = canonical !== undefined && canonical !== name;
  return [
    `${isLink ? `${name} → ${canonical}` : name} by ${policy}`,
    ageMs === undefined ? 'not looked up yet' : `looked up ${formatMs(ageMs)} ago${stale ? ', stale' : ''}`,
    ...(usableMs === undefined
      ? []
      : [usableMs === Infinity ? 'valid indefinitely' : `valid for ${formatMs(usableMs)}`]),
    ...(guaranteedMs > 0 && guaranteedMs < Infinity ? [`guaranteed for ${formatMs(guaranteedMs)}`] : []),
    ...scheduled.map(
      ({ name: each, change, appliesInMs }) =>
        `${each} will ${change === 'remove' ? 'be removed' : 'change'} in ${formatMs(appliesInMs)}`,
    ),
    ...(starting === undefined ? [] : [`${String(starting)} starting`]),
    ...(proved || identity !== undefined ? [proved ? 'proved' : 'not proved'] : []),
    ...(identity === undefined ? [] : [`as ${identity}`]),
    ...(ticket === undefined ? [] : [`ticket for ${formatMs(ticket.expiresInMs)}`]),
    `call timeout ${formatMs(timeoutMs)}`,
    formatAttemptTimeouts(explanation),
    ...(retries
      ? [
          `at most ${formatRetries(retries.max)} per call`,
          ...(retries.statuses.length > 0 ? [`retried statuses ${retries.statuses.join(' ')}`] : []),
          `${formatRetries(retriesLeft)} left`,
        ]
      : ['no retries']),
    probe ? `probed by ${probe.method} ${probe.path}` : 'not probed',
  ].join(', ');
}

function candidateRow({
  endpoint,
  status,
  pending,
  latencyMs,
  utilization,
  score,
  policyNote,
}: ExplainedCandidate): string[] {
  return [
    endpoint.id,
    endpoint.address,
    [
      ...(policyNote === undefined ? [] : [policyNote]),
      status,
      `${pending} pending`,
      latencyMs === 0 ? 'latency unknown' : formatMs(latencyMs),
      ...(utilization === undefined
        ? []
        : [`reports a load of ${Math.round(utilization * 100)} % of its capacity`]),
      `score ${round(score)}`,
    ].join(', '),
  ];
}

function alignColumns(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [ids, addresses] = [width(0), width(1)];
  return rows.map(
    ([id = '', address = '', what = '']) => `  ${id.padEnd(ids)}  ${address.padEnd(addresses)}  ${what}`,
  );
}

function formatRetries(count: number): string {
  return `${String(count)} ${count === 1 ? 'retry' : 'retries'}`;
}

function formatAttemptTimeouts(explanation: Explanation): string {
  const { settings, initialAttemptTimeoutMs, learnedAttemptTimeouts: learned } = explanation;
  if (settings.minAttemptTimeoutMs === settings.maxAttemptTimeoutMs)
    return `attempt timeout ${formatMs(initialAttemptTimeoutMs)}`;
  if (learned.length === 0)
    return `attempt timeout ${formatMs(initialAttemptTimeoutMs)} until one is learned`;
  const routes = learned
    .slice(0, maxRoutes)
    .map(({ method, route, timeoutMs }) => `${formatMs(timeoutMs)} for ${method} ${quote(route)}`);
  const more = learned.length - routes.length;
  return `learned attempt timeout ${routes.join(' and ')}${more > 0 ? ` and ${String(more)} more learned timeouts` : ''} and ${formatMs(initialAttemptTimeoutMs)} for other route classes`;
}

function formatMs(ms: number): string {
  return ms === Infinity ? 'none' : `${round(ms)} ms`;
}

function round(value: number): string {
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}
