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

/** Longest ratio of the calls of two healthy endpoints while others give failing answers. */
const maxHealthyRatio = 1.2;
/** Number of calls per healthy endpoint from which their shares are compared. */
const minCompared = 100;
/** Number of answers of a slow route from which its calls are sent once. */
const minLearned = 20;
/** Part of its deadline that a call may take if the attempt timeout of its route class is to cover it: half, less a margin. */
const coveredShare = 0.45;
/** Executions besides the first ones, per slow answer on a path whose other answers are fast. */
const maxExtraPerSlowAnswer = 1.2;
/** How much later a call may end than the usual time of a call while endpoints are killed, in ms. */
const maxKilledMs = 40;
/** The same for a frozen endpoint, at many calls a second of a method. */
const maxFrozenMs = 150;
/** The same for a method with few calls a second: fewer than ten of its answers may be known. */
const maxFrozenRareMs = 300;

/** Policies that spread calls evenly over equal endpoints. */
const evenPolicies = ['random', 'round-robin', 'weighted', 'least-pending', 'load-aware', 'local-first'];
/** Those of them whose counts of calls differ by little more than one. */
const exactPolicies = ['round-robin', 'least-pending'];

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
  if (policy !== 'primary' || incident.kind === 'killed') checkLongest(simulation, incident, calls, policy);
  if (!clients[0]?.hedges(service)) checkExecutions(simulation, incident);
  if (!evenPolicies.some((even) => policy.startsWith(even))) return;
  if (incident.kind === 'failing-answers') checkHealthyShares(simulation, incident, affected, policy);
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

/** C2.1: a killed or frozen endpoint delays a call by little. */
function checkLongest(
  { oracle, replicas }: SimulationState,
  { kind, beginsAt, endsAt }: Incident,
  calls: readonly CallRecord[],
  policy: string,
): void {
  if (kind !== 'killed' && kind !== 'frozen') return;
  const usualMs = Math.max(...replicas.all.map(({ serviceMs }) => serviceMs));
  for (const call of calls) {
    const { id, startedAt, settledAt = Infinity, manner } = call;
    // A body that can be sent only once stays at its endpoint.
    if (manner.sendsStream || settledAt < beginsAt || startedAt >= endsAt) continue;
    const allowedMs =
      kind === 'killed' ? maxKilledMs : call.kind === 'idempotent' ? maxFrozenRareMs : maxFrozenMs;
    const ms = settledAt - startedAt;
    if (ms > usualMs + allowedMs)
      oracle.violate(
        'C2.1',
        `${id} takes ${ms.toFixed(0)} ms under ${policy} with an endpoint in '${kind}', usually ${usualMs.toFixed(0)} ms`,
      );
  }
}

/** C2.1: slow answers of healthy endpoints cause few executions, and none once a route of its own is known to be slow. */
function checkExecutions({ oracle, coverage }: SimulationState, { kind }: Incident): void {
  if (kind !== 'slow-route' && kind !== 'slow-at-random') return;
  const repeatable = oracle.calls.filter((call) => call.kind !== 'once');
  const extraOf = ({ attempts }: CallRecord): number =>
    Math.max(0, attempts.filter(({ sent }) => sent).length - 1);
  if (kind === 'slow-at-random') {
    const extra = repeatable.reduce((sum, call) => sum + extraOf(call), 0);
    const slow = coverage.counts.get('habit:route-mixed') ?? 0;
    if (extra > maxExtraPerSlowAnswer * slow)
      oracle.violate('C2.1', `${slow} slow answers at random cause ${extra} more executions`);
    return;
  }
  const answeredAt = new Map<string, number[]>();
  for (const call of repeatable) {
    const { id, startedAt, settledAt = Infinity, timeoutMs, outcome, manner } = call;
    if (manner.route.kind !== 'slow') continue;
    // Each kind of call has a method of its own.
    const answers = answeredAt.get(call.kind) ?? [];
    answeredAt.set(call.kind, answers);
    const known = answers.filter((at) => at < startedAt).length;
    if (outcome?.ok === true) answers.push(settledAt);
    if (known >= minLearned && settledAt - startedAt < coveredShare * timeoutMs && extraOf(call) > 0)
      oracle.violate(
        'C2.1',
        `${id} is sent ${extraOf(call) + 1} times to a slow route of which ${known} answers are known`,
      );
  }
}

/** C9.5: the healthy endpoints share the calls evenly while others give failing answers. */
function checkHealthyShares(
  { oracle, replicas }: SimulationState,
  { beginsAt, endsAt }: Incident,
  affected: readonly Replica[],
  policy: string,
): void {
  const healthy = replicas.all.filter((replica) => !affected.includes(replica));
  const counts = new Map(healthy.map(({ id }) => [id, 0]));
  for (const { attempts } of oracle.calls)
    for (const { at, endpoint } of attempts) {
      const count = counts.get(endpoint);
      if (count !== undefined && at >= beginsAt + settlingMs && at < endsAt) counts.set(endpoint, count + 1);
    }
  const sorted = [...counts.values()].sort((a, b) => a - b);
  const mean = sorted.reduce((sum, count) => sum + count, 0) / sorted.length;
  if (mean < minCompared) return;
  const [least = 0, most = 0] = [sorted[0], sorted.at(-1)];
  const deviations = exactPolicies.some((exact) => policy.startsWith(exact)) ? 1 : 5;
  if (most > maxHealthyRatio * least + deviations * Math.sqrt(mean))
    oracle.violate(
      'C9.5',
      `the busiest healthy endpoint gets ${most} calls under ${policy}, and the least busy one ${least}, while others give failing answers`,
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
