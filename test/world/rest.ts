/** After the healing: a world must come to rest, and what the troubles have taken must be back. */
import { callLater, drawPlan, type Inhabited } from './load.js';
import type { CallRecord } from './oracle.js';
import type { Program } from './program.js';

/** How long a world may take to come to rest, in ms. */
const quietMs = 60_000;
/** More where a launcher and a clerk each wait for a minute after failed starts. */
const launchedMs = 20_000;

/** Calls must succeed again: a few on the way, so that probing goes on, and then each of the last ones. */
export async function comeToRest(world: Inhabited): Promise<void> {
  const { runtime, shape } = world;
  const restMs = quietMs + (shape.served && shape.startable !== undefined ? launchedMs : 0);
  if (shape.brief) {
    // Longer than any call may take.
    await runtime.advance(11_000);
    checkIdle(world);
    return;
  }
  const begin = runtime.now();
  const round = (): CallRecord[] =>
    world.programs.flatMap((program) =>
      world.names.map((service) => program.call({ service, kind: 'safe', how: 'json', timeoutMs: 3_000 })),
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
  world.served?.checkRest();
  for (const program of world.programs)
    for (const service of world.names) {
      checkRevived(world, program, service);
      if (program.binding(service).explain().stale)
        world.oracle.violate('liveness', `${program.id} still uses a stale ${service}`);
    }
  checkIdle(world);
}

/** Nothing is going on any more, and nothing is held. */
function checkIdle(world: Inhabited): void {
  for (const program of world.programs) {
    const { id, runtime: own, open, outstanding } = program;
    for (const { endpoint } of outstanding)
      world.oracle.violate('idle', `${id} is idle and has left a request to ${endpoint} running`);
    for (const call of open) world.oracle.violate('C2.2', `${call.id} is not settled`);
    if (own.holding > 0)
      world.oracle.violate('idle', `${id} is idle and keeps the process alive with ${own.holding} timers`);
  }
}

/** What a storm has taken from a budget is back: a few repeats are not refused. */
export async function aftershock(world: Inhabited): Promise<void> {
  if (!world.shape.storm) return;
  world.oracle.calm = true;
  world.faults.aftershock();
  for (let i = 0; i < 6; i++) callLater(world, 100 * i, { ...drawPlan(world), kind: 'safe', how: 'json' });
  await world.runtime.advance(11_000);
  world.replicas.judge = () => ({});
}

/** Calls have arrived for a minute: whoever is well was probed and is used again. */
function checkRevived(world: Inhabited, program: Program, service: string): void {
  const { leftOut } = program.binding(service).explain();
  for (const { endpoint, why } of leftOut) {
    const replica = world.replicas.all.find(({ id }) => id === endpoint.id);
    if (replica === undefined || world.replicas.at(replica.address) !== replica || replica.held.down > 0)
      continue;
    world.oracle.violate(
      'liveness',
      `${program.id} leaves out ${endpoint.id} of ${service}, which is well: ${why}`,
    );
  }
}
