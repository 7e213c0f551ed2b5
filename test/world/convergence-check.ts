import { scheduleCall, drawCall, type SimulationState } from './workload.js';
import { calmRoute } from './dominance/route.js';
import type { CallRecord } from './oracle.js';
import type { SimulatedClient } from './simulated-client.js';

/** How long convergence may take after all faults have ended, in ms. */
const convergenceMs = 60_000;
/** Additional time when both a launcher and a clerk back off for a minute after failed starts, in ms. */
const launchBackoffMs = 20_000;
/** Longest drain and start of a service that was stopped because it was idle, in ms. */
const idleRestartMs = 12_000;

/** Checks that calls succeed again. Some calls on the way trigger probes; then every call must succeed. */
export async function checkConvergence(simulation: SimulationState): Promise<void> {
  const { runtime, scenario } = simulation;
  const limitMs = convergenceMs + (scenario.server && scenario.startable !== undefined ? launchBackoffMs : 0);
  if (scenario.isShort) {
    // Longer than any call timeout.
    await runtime.advance(11_000);
    // The longest body of a route ends 6 s after its head.
    if (simulation.clients.some(({ outstanding }) => outstanding.size > 0)) await runtime.advance(6_000);
    checkIdle(simulation);
    return;
  }
  const begin = runtime.now();
  // A call of an idle service waits for the end of its drain and for the next start.
  const idleStops = scenario.server?.manifest.idleStopMs !== undefined;
  const timeoutOf = (service: string): number =>
    service === scenario.startable && idleStops ? 3_000 + idleRestartMs : 3_000;
  const round = (): CallRecord[] =>
    simulation.clients.flatMap((client) =>
      simulation.names.map((service) =>
        client.call({
          service,
          kind: 'safe',
          method: 'json',
          timeoutMs: timeoutOf(service),
          route: calmRoute,
        }),
      ),
    );
  for (const at of [100, 600, 1_500, 3_000, 5_000, 8_000, 12_000, 18_000, 25_000, 35_000, 45_000]) {
    await runtime.advance(begin + at - runtime.now());
    round();
  }
  await runtime.advance(begin + limitMs - runtime.now());
  const last: CallRecord[] = [];
  for (let i = 0; i < 3; i++) {
    last.push(...round());
    await runtime.advance(3_100);
  }
  while (last.some(({ settledAt }) => settledAt === undefined)) await runtime.advance(100);
  for (const { id, service, outcome } of last) {
    if (outcome?.ok === true) continue;
    simulation.oracle.violate(
      'liveness',
      `${id} of ${service} fails ${limitMs / 1_000} s after all faults have ended: ${String(outcome?.error)}`,
    );
  }
  simulation.server?.checkFinalState();
  for (const client of simulation.clients)
    for (const service of simulation.names) {
      checkRevived(simulation, client, service);
      if (client.binding(service).explain().stale)
        simulation.oracle.violate('liveness', `${client.id} still uses a stale ${service}`);
    }
  checkIdle(simulation);
}

/** Checks that no request, call or timer is left. */
function checkIdle(simulation: SimulationState): void {
  for (const client of simulation.clients) {
    const { id, runtime: own, openCalls, outstanding } = client;
    for (const { endpoint } of outstanding)
      simulation.oracle.violate('idle', `${id} is idle and has a request in flight to ${endpoint}`);
    for (const call of openCalls) simulation.oracle.violate('C2.2', `${call.id} is pending`);
    if (own.refCount > 0)
      simulation.oracle.violate(
        'idle',
        `${id} is idle and keeps the process alive with ${own.refCount} timers`,
      );
  }
}

/** Checks that the retry budget has refilled after a storm: a few retries are allowed. */
export async function checkBudgetRefills(simulation: SimulationState): Promise<void> {
  if (!simulation.scenario.storm) return;
  simulation.oracle.isCalm = true;
  simulation.faults.aftershock();
  for (let i = 0; i < 6; i++)
    scheduleCall(simulation, 100 * i, {
      ...drawCall(simulation),
      kind: 'safe',
      method: 'json',
      route: calmRoute,
    });
  await simulation.runtime.advance(11_000);
  simulation.replicas.replyRule = () => ({});
}

/** After a minute of calls, every healthy endpoint must have been probed and be in use again. */
function checkRevived(simulation: SimulationState, client: SimulatedClient, service: string): void {
  const { leftOut } = client.binding(service).explain();
  for (const { endpoint, reason } of leftOut) {
    const replica = simulation.replicas.all.find(({ id }) => id === endpoint.id);
    if (
      replica === undefined ||
      simulation.replicas.at(replica.address) !== replica ||
      replica.impairments.down > 0
    )
      continue;
    simulation.oracle.violate(
      'liveness',
      `${client.id} excludes the healthy ${endpoint.id} of ${service}: ${reason}`,
    );
  }
}
