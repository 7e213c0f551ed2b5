/** The end of a world: every clerk is closed or destroyed, and must leave nothing behind. */
import { drawPlan, type Inhabited } from './load.js';
import type { Program } from './program.js';

/** Closes or destroys one clerk after the other, with calls in flight. */
export async function closeAll(world: Inhabited): Promise<void> {
  const { runtime, marks, load: random } = world;
  for (const program of world.programs) {
    const { clerk, id, runtime: own, registry } = program;
    const busy = random.int(0, 3);
    for (let i = 0; i < busy; i++) program.call({ ...drawPlan(world), abortAfterMs: undefined });
    await runtime.advance(random.one([0, 0, 1, 5, 20]));
    const destroys = random.chance(0.4);
    world.log(`${id} is ${destroys ? 'destroyed' : 'closed'} with ${program.open.size} calls`);
    if (program.open.size > 0) marks.hit(destroys ? 'destroyed-with-calls' : 'closed-with-calls');
    if (destroys) for (const call of program.open) call.cutAt = runtime.now();
    let ended = false;
    const ending = (destroys ? clerk.destroy() : clerk.close()).finally(() => (ended = true));
    refusesCalls(world, program);
    for (let i = 0; !ended && i < 400; i++) await runtime.advance(50);
    if (!ended) {
      world.oracle.violate('close', `${id} does not close within 20 s`);
      continue;
    }
    await ending;
    program.closed = true;
    for (const call of program.open)
      world.oracle.violate('close', `${call.id} is not settled although ${id} is closed`);
    if (own.pending > 0) world.oracle.violate('close', `${id} is closed and leaves ${own.pending} timers`);
    if (registry.closes !== 1)
      world.oracle.violate('close', `${id} closed its registry ${registry.closes} times`);
    if (registry.watchesOpen > 0)
      world.oracle.violate('close', `${id} is closed and leaves ${registry.watchesOpen} watches`);
  }
  await world.served?.close();
  await runtime.runUntilIdle();
  // Messages of probes are still on their way, and hold nobody.
  await runtime.advance(5_000);
  if (runtime.pendingTimers > 0)
    world.oracle.violate('close', `${runtime.pendingTimers} timers are left at the end of the world`);
}

function refusesCalls(world: Inhabited, program: Program): void {
  for (const service of world.names) {
    void program
      .binding(service)
      .json('/')
      .then(
        () => world.oracle.violate('close', `${program.id} takes calls although it is closed`),
        (error: unknown) => {
          const { code } = error as { code?: string };
          if (code === 'CLOSED') world.marks.hit('refused-when-closed');
          else world.oracle.violate('close', `${program.id} is closed and fails a call with ${String(code)}`);
        },
      );
  }
}
