/** After the healing: a world must come to rest, and what the troubles have taken must be back. */
import { scheduleCall, drawCall, type SimulationState } from './workload.js';
import type { CallRecord } from './oracle.js';
import type { SimulatedClient } from './simulated-client.js';

/** How long a world may take to come to rest, in ms. */
const convergenceMs = 60_000;
/** More where a launcher and a clerk each wait for a minute after failed starts. */
const launchBackoffMs = 20_000;

/** Calls must succeed again: a few on the way, so that probing goes on, and then each of the last ones. */
export async function checkConvergence(world: SimulationState): Promise<void> {
  const { runtime, scenario } = world;
  const restMs = convergenceMs + (scenario.server && scenario.startable !== undefined ? launchBackoffMs : 0);
  if (scenario.isShort) {
    // Longer than any call may take.
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
  await runtime.advance(begin + restMs - runtime.now());
  const last: CallRecord[] = [];
  for (let i = 0; i < 3; i++) {
    last.push(...round());
    await runtime.advance(3_100);
  }
  for (const { id, service, outcome } of last) {
    if (outcome?.ok === true) continue;
    world.oracle.violate(
      'liveness',
      `${id} of ${service} fails ${restMs / 1_000} s after everything was healed: ${String(outcome?.error)}`,
    );
  }
  world.server?.checkRest();
  for (const program of world.clients)
    for (const service of world.names) {
      checkRevived(world, program, service);
      if (program.binding(service).explain().stale)
        world.oracle.violate('liveness', `${program.id} still uses a stale ${service}`);
    }
  checkIdle(world);
}

/** Nothing is going on any more, and nothing is held. */
function checkIdle(world: SimulationState): void {
  for (const program of world.clients) {
    const { id, runtime: own, openCalls, outstanding } = program;
    for (const { endpoint } of outstanding)
      world.oracle.violate('idle', `${id} is idle and has left a request to ${endpoint} running`);
    for (const call of openCalls) world.oracle.violate('C2.2', `${call.id} is not settled`);
    if (own.refCount > 0)
      world.oracle.violate('idle', `${id} is idle and keeps the process alive with ${own.refCount} timers`);
  }
}

/** What a storm has taken from a budget is back: a few repeats are not refused. */
export async function checkBudgetRefills(world: SimulationState): Promise<void> {
  if (!world.scenario.storm) return;
  world.oracle.isCalm = true;
  world.faults.aftershock();
  for (let i = 0; i < 6; i++)
    scheduleCall(world, 100 * i, { ...drawCall(world), kind: 'safe', method: 'json' });
  await world.runtime.advance(11_000);
  world.replicas.replyRule = () => ({});
}

/** Calls have arrived for a minute: whoever is well was probed and is used again. */
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
      `${program.id} leaves out ${endpoint.id} of ${service}, which is well: ${reason}`,
    );
  }
}
