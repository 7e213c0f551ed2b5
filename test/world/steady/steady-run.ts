import type { SimulationState } from '../workload.js';
import { afterIncidentMs, scheduleIncident, type Incident } from './incident.js';
import { checkSteadyRun } from './steady-checks.js';

/** Calls one service at a steady rate, before, during and after the incident of the simulation. Then checks C9.4 and C9.5. */
export async function runSteadily(simulation: SimulationState, incident: Incident): Promise<void> {
  const { runtime, replicas, workload: random, names, habits, coverage, log } = simulation;
  const [client] = simulation.clients;
  const [service] = names;
  if (client === undefined || service === undefined)
    throw new Error('A steady simulation has a client and a name');
  const affected = scheduleIncident(incident, replicas, runtime);
  coverage.hit(`incident:${incident.kind}`);
  log(`incident ${JSON.stringify(incident)} under ${client.binding(service).explain().policy}`);
  const end = incident.endsAt + afterIncidentMs;
  const intervalMs = 1_000 / incident.callsPerSecond;
  const next = (): void => {
    if (runtime.now() >= end) return;
    const kind = random.one([
      'safe',
      'safe',
      'safe',
      'safe',
      'safe',
      'safe',
      'safe',
      'safe',
      'idempotent',
      'once',
    ] as const);
    client.call({
      service,
      kind,
      timeoutMs: random.one([2_500, 10_000]),
      ...habits.drawManner(random.one(['json', 'request']), 0.15),
    });
    runtime.setTimer(next, intervalMs * random.between(0.5, 1.5));
  };
  next();
  await runtime.advance(end + 11_000 - runtime.now());
  checkSteadyRun(simulation, incident, affected, service);
}
