import type { EndpointInit } from 'binding-clerk';
import type { RandomStream } from './random-stream.js';
import { endpointOf } from './replicas.js';
import type { SimulationContext } from './simulation-context.js';

export interface SimulatedFactoryOptions {
  readonly clerk: string;
  readonly service: string;
  readonly random: RandomStream;
  /** Number of pending calls of the service. */
  readonly waiting: () => number;
  readonly onStarted: (id: string) => void;
}

/**
 * A factory for one binding that is slow and sometimes fails. Checks that it is called as guaranteed.
 *
 * @see [C6.1](../../docs/guarantees.md#c6-1), [C6.3](../../docs/guarantees.md#c6-3)
 */
export function simulatedFactory(
  simulation: SimulationContext,
  options: SimulatedFactoryOptions,
): () => Promise<EndpointInit> {
  const { runtime, scenario, oracle, coverage, replicas } = simulation;
  const { clerk, service, random } = options;
  let running = false;
  let failedAt: number[] = [];
  return async () => {
    if (running) oracle.violate('C6.1', `${clerk} starts ${service} twice concurrently`);
    failedAt = failedAt.filter((at) => at > runtime.now() - 60_000);
    if (failedAt.length >= 3) {
      oracle.violate('C6.3', `${clerk} starts ${service} a fourth time within 60 s of three failures`);
    }
    running = true;
    try {
      await new Promise<void>((resolve) => void runtime.setTimer(resolve, random.between(5, 900)));
      if (options.waiting() > 1) coverage.hit('factory-shared');
      if (!simulation.healed && random.chance(scenario.launchFailures)) throw new Error('The start failed');
      const replica = replicas.start(service, { serviceMs: 5 });
      options.onStarted(replica.id);
      failedAt = [];
      return endpointOf(replica);
    } catch (error) {
      failedAt.push(runtime.now());
      throw error;
    } finally {
      running = false;
    }
  };
}
