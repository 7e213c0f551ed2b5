import type { FakeRuntime } from 'binding-clerk/testing';
import type { HabitKind } from '../dominance/caller-habits.js';
import type { RandomStream } from '../random-stream.js';
import type { Replica, Replicas } from '../replicas.js';

/** What happens to endpoints or routes while calls arrive at a steady rate. */
export const incidentKinds = [
  'failing-answers',
  'resets',
  'refusals',
  'frozen',
  'killed',
  'backlog-full',
  'slow-route',
  'slow-at-random',
  'heavy-tail',
  'failing-route',
  'unreadable-route',
  'held-responses',
  'aborting-callers',
] as const;

export type IncidentKind = (typeof incidentKinds)[number];

/** The habits of incidents in which every endpoint stays healthy. */
const habitsOf: Partial<Record<IncidentKind, HabitKind>> = {
  'slow-route': 'route-slow',
  'slow-at-random': 'route-mixed',
  'heavy-tail': 'route-tail',
  'failing-route': 'route-failing',
  'unreadable-route': 'route-unreadable',
  'held-responses': 'route-held',
  'aborting-callers': 'caller-aborts-anytime',
};

/** The incident of a steady simulation. Times are in ms from the start of the simulation. */
export interface Incident {
  readonly kind: IncidentKind;
  /** Number of endpoints of the service. */
  readonly endpoints: number;
  /** Number of endpoints that it affects; 0 when it affects a route or callers. */
  readonly affected: number;
  readonly beginsAt: number;
  readonly endsAt: number;
  /** Status of failing answers. */
  readonly statusCode: number;
  /** Probes of affected endpoints do not fail. */
  readonly exemptsProbes: boolean;
  readonly callsPerSecond: number;
  /** Habits of callers, routes and probes. */
  readonly habits: readonly HabitKind[];
}

/** When the calls of a steady simulation end, in ms after the end of its incident. */
export const afterIncidentMs = 9_000;

/** Draws an incident. Half of the failing answers come from a majority of the endpoints. */
export function drawIncident(random: RandomStream): Incident {
  const kind = random.chance(0.3) ? 'failing-answers' : random.one(incidentKinds);
  const endpoints = random.int(3, 6);
  const habit = habitsOf[kind];
  const isFast = kind === 'failing-answers' || kind === 'resets' || kind === 'refusals' || kind === 'killed';
  const majority = Math.floor(endpoints / 2) + 1;
  // An endpoint that answers no probe is rightly ejected when it answers nothing else for a second.
  const silent = habit === undefined ? 'probe-silent' : undefined;
  const probes = random.one([undefined, silent, 'probe-fails', 'probe-slow'] as const);
  return {
    kind,
    endpoints,
    affected:
      habit !== undefined ? 0 : isFast && random.chance(0.5) ? random.int(majority, endpoints - 1) : 1,
    beginsAt: 1_500,
    endsAt: 1_500 + (isFast ? 6_000 : habit !== undefined ? 5_000 : random.one([800, 2_000, 4_000])),
    statusCode: random.one([500, 502, 503, 503, 504]),
    exemptsProbes: random.chance(0.5),
    // 2 % of few calls is less than one call per return of a failing endpoint.
    callsPerSecond: random.one(kind === 'failing-answers' ? [100, 150] : [60, 100, 150]),
    habits: [habit, probes].filter((each) => each !== undefined),
  };
}

/** Lets the incident happen to the first endpoints. Returns the affected ones. */
export function scheduleIncident(incident: Incident, replicas: Replicas, runtime: FakeRuntime): Replica[] {
  const { kind, statusCode, exemptsProbes, beginsAt, endsAt } = incident;
  const affected = replicas.all.slice(0, incident.affected);
  const during = (begin: (replica: Replica) => void, end: (replica: Replica) => void): void => {
    const startedAt = runtime.now();
    runtime.setTimer(() => affected.forEach(begin), beginsAt - startedAt);
    runtime.setTimer(() => affected.forEach(end), endsAt - startedAt);
  };
  const impair = (how: keyof Replica['impairments']): void =>
    during(
      (replica) => replicas.impair(replica, how),
      (replica) => replicas.restore(replica, how),
    );
  switch (kind) {
    case 'failing-answers':
      during(
        (replica) => Object.assign(replica, { status: statusCode, exemptsProbes }),
        (replica) => (replica.status = undefined),
      );
      break;
    case 'resets': {
      const resetting = new Set<Replica>();
      replicas.replyRule = (replica) => (resetting.has(replica) ? { behavior: 'reset-before' } : {});
      during(
        (replica) => resetting.add(replica),
        (replica) => resetting.delete(replica),
      );
      break;
    }
    case 'refusals':
    case 'killed':
      impair('down');
      break;
    case 'frozen':
      impair('paused');
      break;
    case 'backlog-full':
      impair('stalled');
      break;
    default:
  }
  return affected;
}
