import { drawCall, type SimulationState } from './workload.js';
import type { SimulatedClient } from './simulated-client.js';

/** Closes or destroys one clerk after the other, with calls in flight, and checks that they release everything. */
export async function closeAllClients(simulation: SimulationState): Promise<void> {
  const { runtime, coverage, workload: random } = simulation;
  for (const client of simulation.clients) {
    const { clerk, id, runtime: own, registry } = client;
    const busy = random.int(0, 3);
    for (let i = 0; i < busy; i++) client.call({ ...drawCall(simulation), abortAfterMs: undefined });
    await runtime.advance(random.one([0, 0, 1, 5, 20]));
    const destroys = random.chance(0.4);
    simulation.log(
      `${id} is ${destroys ? 'destroyed' : 'closed'} with ${client.openCalls.size} calls in flight`,
    );
    if (client.openCalls.size > 0) coverage.hit(destroys ? 'destroyed-with-calls' : 'closed-with-calls');
    if (destroys) for (const call of client.openCalls) call.destroyedAt = runtime.now();
    let ended = false;
    const ending = (destroys ? clerk.destroy() : clerk.close()).finally(() => (ended = true));
    checkRefusesCalls(simulation, client);
    for (let i = 0; !ended && i < 400; i++) await runtime.advance(50);
    if (!ended) {
      simulation.oracle.violate('close', `${id} did not close within 20 s`);
      continue;
    }
    await ending;
    client.closed = true;
    for (const call of client.openCalls)
      simulation.oracle.violate('close', `${call.id} is pending although ${id} is closed`);
    if (own.pendingCount > 0)
      simulation.oracle.violate('close', `${id} is closed and has ${own.pendingCount} pending timers`);
    if (registry.closes !== 1)
      simulation.oracle.violate('close', `${id} closed its registry ${registry.closes} times`);
    if (registry.watchesOpen > 0)
      simulation.oracle.violate('close', `${id} is closed and has ${registry.watchesOpen} open watches`);
  }
  await simulation.server?.close();
  await runtime.runUntilIdle();
  // Messages of probes may still be in flight; they do not keep the process alive.
  await runtime.advance(5_000);
  if (runtime.pendingTimers > 0)
    simulation.oracle.violate(
      'close',
      `${runtime.pendingTimers} timers are pending at the end of the simulation`,
    );
}

function checkRefusesCalls(simulation: SimulationState, client: SimulatedClient): void {
  for (const service of simulation.names) {
    void client
      .binding(service)
      .json('/')
      .then(
        () => simulation.oracle.violate('close', `${client.id} accepts calls although it is closed`),
        (error: unknown) => {
          const { code } = error as { code?: string };
          if (code === 'CLERK_CLOSED') simulation.coverage.hit('rejected-when-closed');
          else
            simulation.oracle.violate(
              'close',
              `${client.id} is closed and rejects a call with ${String(code)}`,
            );
        },
      );
  }
}
