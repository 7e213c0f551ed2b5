/** Ending a service: nobody is sent there any more, then all its processes go, first when asked, then at once. */
import { sleep } from '../../core/clock.js';
import { reasonOf } from '../../core/errors.js';
import type { LaunchRecord } from '../ports.js';
import type { Site } from './site.js';

const pollMs = 50;
const afterKillMs = 2_000;

/** The entry of the environment that finds what a start has brought up. */
export function markOf({ instance }: Pick<LaunchRecord, 'instance'>): string {
  return `CLERK_INSTANCE=${instance}`;
}

/**
 * Ends a process group, and whoever has left it: asks, and after `graceMs` insists.
 *
 * @returns whether all are gone
 * @see Tcl-DP T7; promises C6.3
 */
export async function endedAll(
  { processes, runtime }: Pick<Site, 'processes' | 'runtime'>,
  group: number | undefined,
  mark: string,
  graceMs: number,
): Promise<boolean> {
  for (const [signal, limitMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', afterKillMs],
  ] as const) {
    if (!(await processes.isAlive(group, mark))) return true;
    await processes.signal(group, mark, signal);
    const until = runtime.now() + limitMs;
    while (runtime.now() < until) {
      if (!(await processes.isAlive(group, mark))) return true;
      await sleep(runtime, Math.min(pollMs, until - runtime.now()));
    }
  }
  return !(await processes.isAlive(group, mark));
}

/**
 * Withdraws the endpoint that a start has registered, if it has: draining, or at once. Never rejects: a registry that
 * cannot do it will drop the endpoint with its lease.
 */
export async function withdrawn(
  { names, logger }: Pick<Site, 'names' | 'logger'>,
  { name, instance }: LaunchRecord,
  now: boolean,
): Promise<void> {
  try {
    const { canonical, endpoints } = names.resolve(name);
    const endpoint = endpoints.find(({ id }) => id === instance);
    if (endpoint === undefined || (!now && endpoint.state === 'draining')) return;
    await names.withdraw({ name: canonical, id: instance, epoch: endpoint.epoch, now });
  } catch (error) {
    logger.debug(`Endpoint ${instance} of ${name} could not be withdrawn: ${reasonOf(error)}`);
  }
}
