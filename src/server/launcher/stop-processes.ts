/** Ending a service: nobody is sent there any more, then all its processes go, first when asked, then at once. */
import { sleep } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { LaunchRecord } from '../ports.js';
import type { LauncherContext } from './launcher-context.js';

const pollMs = 50;
const killTimeoutMs = 2_000;

/** The entry of the environment that finds what a start has brought up. */
export function instanceMarker({ instance }: Pick<LaunchRecord, 'instance'>): string {
  return `CLERK_INSTANCE=${instance}`;
}

/**
 * Ends a process group, and whoever has left it: asks, and after `graceMs` insists.
 *
 * @returns whether all are gone
 * @see Tcl-DP T7; promises C6.3
 */
export async function stopProcesses(
  { processes, runtime }: Pick<LauncherContext, 'processes' | 'runtime'>,
  processGroup: number | undefined,
  envMarker: string,
  graceMs: number,
): Promise<boolean> {
  for (const [signal, timeoutMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', killTimeoutMs],
  ] as const) {
    if (!(await processes.isAlive(processGroup, envMarker))) return true;
    await processes.signal(processGroup, envMarker, signal);
    const deadline = runtime.now() + timeoutMs;
    while (runtime.now() < deadline) {
      if (!(await processes.isAlive(processGroup, envMarker))) return true;
      await sleep(runtime, Math.min(pollMs, deadline - runtime.now()));
    }
  }
  return !(await processes.isAlive(processGroup, envMarker));
}

/**
 * Withdraws the endpoint that a start has registered, if it has: draining, or at once. Never rejects: a registry that
 * cannot do it will drop the endpoint with its lease.
 */
export async function withdrawEndpoint(
  { names, logger }: Pick<LauncherContext, 'names' | 'logger'>,
  { name, instance }: LaunchRecord,
  immediately: boolean,
): Promise<void> {
  try {
    const { canonical, endpoints } = names.resolve(name);
    const endpoint = endpoints.find(({ id }) => id === instance);
    if (endpoint === undefined || (!immediately && endpoint.state === 'draining')) return;
    await names.withdraw({ name: canonical, id: instance, epoch: endpoint.epoch, now: immediately });
  } catch (error) {
    logger.debug(`Endpoint ${instance} of ${name} could not be withdrawn: ${errorMessage(error)}`);
  }
}
