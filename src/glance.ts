/** An explanation as a person reads it: one line of what holds for all, one for each endpoint. */
import type { ExplainedCandidate, Explanation } from './explanation.js';

/** Longer lists are cut off here: nobody reads a hundred lines at a glance. */
const mostShown = 20;

/** The text; no line break at its end. */
export function glance(explanation: Explanation): string {
  const { candidates, leftOut } = explanation;
  const rows = [
    ...candidates.slice(0, mostShown).map(candidateRow),
    ...leftOut.slice(0, mostShown).map(({ endpoint, why }) => [endpoint.id, endpoint.address, why]),
  ];
  const more = [
    ...(candidates.length > mostShown ? [`${candidates.length - mostShown} more candidates`] : []),
    ...(leftOut.length > mostShown ? [`${leftOut.length - mostShown} more that are left out`] : []),
  ];
  const lines = rows.length === 0 ? ['  nobody is known'] : aligned(rows);
  return [headOf(explanation), ...lines, ...(more.length > 0 ? [`  and ${more.join(', ')}`] : [])].join('\n');
}

function headOf(explanation: Explanation): string {
  const { name, canonical, policy, ageMs, promiseMs, stale, timeoutMs, attemptLimitMs, retriesLeft } =
    explanation;
  const isLink = canonical !== undefined && canonical !== name;
  return [
    `${isLink ? `${name} → ${canonical}` : name} by ${policy}`,
    ageMs === undefined
      ? 'not looked up yet'
      : `looked up ${inMs(ageMs)} ago${stale ? ' and out of date' : ''}`,
    ...(promiseMs === undefined ? [] : [`good for ${inMs(promiseMs)}`]),
    `a call has ${inMs(timeoutMs)}`,
    `goes elsewhere after ${inMs(attemptLimitMs)}`,
    `${retriesLeft} repeat${retriesLeft === 1 ? '' : 's'} left`,
  ].join(', ');
}

function candidateRow({
  endpoint,
  status,
  pending,
  latencyMs,
  utilization,
  score,
  standing,
}: ExplainedCandidate): string[] {
  return [
    endpoint.id,
    endpoint.address,
    [
      ...(standing === undefined ? [] : [standing]),
      status,
      `${pending} pending`,
      latencyMs === 0 ? 'latency unknown' : inMs(latencyMs),
      ...(utilization === undefined ? [] : [`${Math.round(utilization * 100)} % busy`]),
      `score ${rounded(score)}`,
    ].join(', '),
  ];
}

function aligned(rows: readonly (readonly string[])[]): string[] {
  const width = (column: number): number => Math.max(...rows.map((row) => row[column]?.length ?? 0));
  const [ids, addresses] = [width(0), width(1)];
  return rows.map(
    ([id = '', address = '', what = '']) => `  ${id.padEnd(ids)}  ${address.padEnd(addresses)}  ${what}`,
  );
}

function inMs(ms: number): string {
  return ms === Infinity ? 'ever' : `${rounded(ms)} ms`;
}

/** One digit behind the point where that says something. */
function rounded(value: number): string {
  return String(value < 10 ? Math.round(value * 10) / 10 : Math.round(value));
}
