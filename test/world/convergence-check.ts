import { scheduleCall, drawCall, type SimulationState } from './workload.js';
import type { CallRecord } from './oracle.js';
import type { SimulatedClient } from './simulated-client.js';

/** How long convergence may take after all faults have ended, in ms. */
const convergenceMs = 60_000;
/** Additional time when both a launcher and a clerk back off for a minute after failed starts, in ms. */
const launchBackoffMs = 20_000;

/** Checks that calls succeed again. Some calls on the way trigger probes; then every call must succeed. */
export async function checkConvergence(world: SimulationState): Promise<void> {
  const { runtime, scenario } = world;
  const limitMs = convergenceMs + (scenario.server && scenario.startable !== undefined ? launchBackoffMs : 0);
  if (scenario.isShort) {
    // Longer than any call timeout.
    await runtime.advance(11_000);
    checkIdle(world);
    return;
  }
  const begin = runtime.now();
  const round = (): CallRecord[] =>
    world.clients.flatMap((program) =>
      world.names.map((service) => program.call({ service, kind: 'safe', method: 'json', timeoutMs: 3_000 })),
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
  for (const { id, service, outcome } of last) {
    if (outcome?.ok === true) continue;
    world.oracle.violate(
      'liveness',
      `${id} of ${service} fails ${limitMs / 1_000} s after all faults have ended: ${String(outcome?.error)}`,
    );
  }
  world.server?.checkFinalState();
  for (const program of world.clients)
    for (const service of world.names) {
      checkRevived(world, program, service);
      if (program.binding(service).explain().stale)
        world.oracle.violate('liveness', `${program.id} still uses a stale ${service}`);
    }
  checkIdle(world);
}

/** Checks that no request, call or timer is left. */
function checkIdle(world: SimulationState): void {
  for (const program of world.clients) {
    const { id, runtime: own, openCalls, outstanding } = program;
    for (const { endpoint } of outstanding)
      world.oracle.violate('idle', `${id} is idle and has a request in flight to ${endpoint}`);
    for (const call of openCalls) world.oracle.violate('C2.2', `${call.id} is pending`);
    if (own.refCount > 0)
      world.oracle.violate('idle', `${id} is idle and keeps the process alive with ${own.refCount} timers`);
  }
}

/** Checks that the retry budget has refilled after a storm: a few retries are allowed. */
export async function checkBudgetRefills(world: SimulationState): Promise<void> {
  if (!world.scenario.storm) return;
  world.oracle.isCalm = true;
  world.faults.aftershock();
  for (let i = 0; i < 6; i++)
    scheduleCall(world, 100 * i, { ...drawCall(world), kind: 'safe', method: 'json' });
  await world.runtime.advance(11_000);
  world.replicas.replyRule = () => ({});
}

/** After a minute of calls, every healthy endpoint must have been probed and be in use again. */
function checkRevived(world: SimulationState, program: SimulatedClient, service: string): void {
  const { leftOut } = program.binding(service).explain();
  for (const { endpoint, reason } of leftOut) {
    const replica = world.replicas.all.find(({ id }) => id === endpoint.id);
    if (
      replica === undefined ||
      world.replicas.at(replica.address) !== replica ||
      replica.impairments.down > 0
    )
      continue;
    world.oracle.violate(
      'liveness',
      `${program.id} excludes the healthy ${endpoint.id} of ${service}: ${reason}`,
    );
  }
}
