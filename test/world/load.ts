/** What the programs of a world ask for: calls of all kinds, with deadlines from tight to ample. */
import type { Kind } from 'binding-clerk';
import type { Dice } from './dice.js';
import type { CallPlan, Program } from './program.js';
import type { ServedWorld } from './server/served.js';
import type { Setting } from './setting.js';

/** A world with programs in it. */
export interface Inhabited extends Setting {
  readonly programs: readonly Program[];
  readonly load: Dice;
  readonly served: ServedWorld | undefined;
}

/** Draws a call. */
export function drawPlan({ load: random, names, swarm }: Inhabited): CallPlan {
  const kind: Kind = random.one(['safe', 'safe', 'idempotent', 'once', 'once']);
  const timeoutMs = random.one([30, 150, 400, 1_000, 2_500, 6_000, 10_000]);
  const aborting = swarm.get('caller-abort');
  const aborts = aborting !== undefined && random.chance(0.4 * aborting);
  return {
    service: random.one(names),
    kind,
    how: random.one(['request', 'request', 'json', 'call']),
    timeoutMs,
    abortAfterMs: aborts ? random.between(0, Math.min(timeoutMs, 500)) : undefined,
  };
}

/** Has one of the programs make a call, later. */
export function callLater(world: Inhabited, afterMs: number, plan: CallPlan): void {
  const program = world.load.one(world.programs);
  world.runtime.setTimer(() => program.call(plan), afterMs);
}
