import type { CallKind } from 'binding-clerk';
import type { RandomStream } from './random-stream.js';
import type { PlannedCall, SimulatedClient } from './simulated-client.js';
import type { ServerSimulation } from './server/server-simulation.js';
import type { SimulationContext } from './simulation-context.js';

/** A simulation with its clients. */
export interface SimulationState extends SimulationContext {
  readonly clients: readonly SimulatedClient[];
  readonly workload: RandomStream;
  readonly server: ServerSimulation | undefined;
}

/** Draws a call of any kind, with a short or long timeout. */
export function drawCall({ workload: random, names, faultMix, habits }: SimulationState): PlannedCall {
  const kind: CallKind = random.one(['safe', 'safe', 'idempotent', 'once', 'once']);
  const timeoutMs = random.one([30, 150, 400, 1_000, 2_500, 6_000, 10_000]);
  const aborting = faultMix.get('caller-abort');
  const aborts = aborting !== undefined && random.chance(0.4 * aborting);
  return {
    service: random.one(names),
    kind,
    ...habits.drawManner(random.one(['request', 'request', 'json', 'call'])),
    timeoutMs,
    abortAfterMs: aborts ? random.between(0, Math.min(timeoutMs, 500)) : undefined,
  };
}

/** Schedules a call of a random client. */
export function scheduleCall(simulation: SimulationState, afterMs: number, plan: PlannedCall): void {
  const client = simulation.workload.one(simulation.clients);
  simulation.runtime.setTimer(() => client.call(plan), afterMs);
}
