import type { CallRecord } from '../oracle.js';
import type { Replica } from '../replicas.js';
import type { SimulationState } from '../workload.js';
import type { Incident } from './incident.js';

/** Time after the begin of an incident from which at most 2 % of calls may fail, in ms. */
const settlingMs = 1_000;
const maxFailedShare = 0.02;
/** Time after the end of an incident from which the affected endpoints must have their share, in ms. */
const returnMs = 5_000;
/** The same for endpoints that gave failing answers: the longest stay that an incident of this length leads to. */
const returnFromFailingMs = 6_000;
/** Time after the end of a route's incident from which its latency is known, in ms: the route stays to the end. */
const learnedMs = 5_000;
/** Part of an equal share that counts as a share. */
const enoughOfShare = 0.5;

/** Policies that spread calls evenly over equal endpoints. */
const evenPolicies = ['random', 'round-robin', 'weighted', 'least-pending', 'load-aware', 'local-first'];

/** Checks the calls of a steady simulation at its end. */
export function checkSteadyRun(
  simulation: SimulationState,
  incident: Incident,
  affected: readonly Replica[],
  service: string,
): void {
  const { oracle, clients } = simulation;
  const policy = clients[0]?.binding(service).explain().policy ?? '';
  const calls = oracle.calls.filter((call) => call.kind !== 'once' && call.manner.abortsAt === undefined);
  // A silent primary keeps its calls until its probe has failed.
  if (policy !== 'primary' || incident.kind === 'failing-answers')
    checkFailures(simulation, incident, calls, policy);
  if (!evenPolicies.some((even) => policy.startsWith(even))) return;
  if (affected.length > 0) checkReturn(simulation, incident, affected, policy);
  else checkEvenness(simulation, incident, policy);
}

/** C9.5: few repeatable calls fail. */
function checkFailures(
  { oracle }: SimulationState,
  incident: Incident,
  calls: readonly CallRecord[],
  policy: string,
): void {
  const { kind, beginsAt, endsAt, affected, endpoints } = incident;
  if (affected === 0) return;
  const during = calls.filter(({ startedAt }) => startedAt >= beginsAt + settlingMs && startedAt < endsAt);
  const failed = during.filter(({ outcome }) => outcome?.ok !== true || outcome.statusCode >= 500);
  // A frozen endpoint or a full backlog makes calls late; none may fail.
  const allowed =
    kind === 'frozen' || kind === 'backlog-full' ? 0 : Math.max(1, maxFailedShare * during.length);
  if (failed.length > allowed)
    oracle.violate(
      'C9.5',
      `${failed.length} of ${during.length} calls fail under ${policy} with ${affected} of ${endpoints} endpoints in '${kind}', first ${String(failed[0]?.id)}`,
    );
}

/** C9.4: the affected endpoints have their share back. */
function checkReturn(
  { oracle, replicas }: SimulationState,
  incident: Incident,
  affected: readonly Replica[],
  policy: string,
): void {
  const { kind, endsAt } = incident;
  const from = endsAt + (kind === 'failing-answers' ? returnFromFailingMs : returnMs);
  // At most half of the endpoints are ejected. The others get calls in proportion to their good answers, and one call when a
  // stay would have ended: they return gradually, after a time that is not bounded.
  if (kind === 'failing-answers' && affected.length > replicas.all.length / 2) return;
  const counts = countFirstAttempts(oracle.calls, from, Infinity);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const share = total / replicas.all.length;
  for (const { id } of affected) {
    const count = counts.get(id) ?? 0;
    if (count < enoughOfShare * share - 3)
      oracle.violate(
        'C9.4',
        `${id} gets ${count} of ${total} calls under ${policy} from ${((from - endsAt) / 1_000).toFixed(0)} s after '${kind}' on`,
      );
  }
}

/** C9.2: no healthy endpoint is avoided because of routes or callers, once the clerk has learned what its routes take. */
function checkEvenness(
  { oracle, replicas }: SimulationState,
  { kind, endsAt }: Incident,
  policy: string,
): void {
  const counts = countFirstAttempts(oracle.calls, endsAt + learnedMs, Infinity);
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0);
  const share = total / replicas.all.length;
  for (const { id } of replicas.all) {
    const count = counts.get(id) ?? 0;
    if (count < enoughOfShare * share - 2 * Math.sqrt(share))
      oracle.violate(
        'C9.2',
        `the healthy ${id} gets ${count} of ${total} calls under ${policy} because of '${kind}'`,
      );
  }
}

function countFirstAttempts(calls: readonly CallRecord[], from: number, to: number): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { startedAt, attempts } of calls) {
    const first = attempts[0]?.endpoint;
    if (first === undefined || startedAt < from || startedAt >= to) continue;
    counts.set(first, (counts.get(first) ?? 0) + 1);
  }
  return counts;
}
