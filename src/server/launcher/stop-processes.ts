import { sleep } from '../../core/clock.js';
import { errorMessage } from '../../core/errors.js';
import type { LaunchRecord } from '../ports.js';
import type { LauncherContext } from './launcher-context.js';

const pollMs = 50;
const killTimeoutMs = 2_000;

export function instanceMarker({ owner, instance }: Pick<LaunchRecord, 'owner' | 'instance'>): string {
  return `CLERK_OWNER=${owner}/${instance}`;
}

/**
 * Ends all processes of a group, and all other processes with `envMarker` in their environment. Sends SIGTERM first,
 * and SIGKILL after `graceMs`. Returns whether all processes have ended.
 *
 * @param graceMs - time between the signals, in ms; 0 sends only SIGKILL, which also ends a paused process
 * @param isCancelled - returns true to end the wait without a further signal
 * @see [T7](../../../docs/background.md#t7), [C6.3](../../../docs/guarantees.md#c6-3)
 */
export async function stopProcesses(
  { processes, runtime }: Pick<LauncherContext, 'processes' | 'runtime'>,
  processGroup: number | undefined,
  envMarker: string,
  graceMs: number,
  isCancelled: () => boolean = () => false,
): Promise<boolean> {
  for (const [signal, timeoutMs] of [
    ['SIGTERM', graceMs],
    ['SIGKILL', killTimeoutMs],
  ] as const) {
    if (timeoutMs === 0) continue;
    if (!(await processes.isAlive(processGroup, envMarker))) return true;
    await processes.signal(processGroup, envMarker, signal);
    const deadline = runtime.now() + timeoutMs;
    while (runtime.now() < deadline) {
      if (isCancelled()) return false;
      if (!(await processes.isAlive(processGroup, envMarker))) return true;
      await sleep(runtime, Math.min(pollMs, deadline - runtime.now()));
    }
  }
  return !(await processes.isAlive(processGroup, envMarker));
}

/**
 * Withdraws the endpoint of a launch. Without `immediately`, the endpoint drains first. If the withdrawal fails, the
 * endpoint ends with its lease. Never rejects. Resolves with the time for which clients may still call the endpoint,
 * in ms.
 */
export async function withdrawEndpoint(
  { names, logger }: Pick<LauncherContext, 'names' | 'logger'>,
  { name, instance }: LaunchRecord,
  immediately: boolean,
): Promise<number> {
  try {
    const { canonical, endpoints, starting = [] } = names.resolve(name);
    const endpoint = [...endpoints, ...starting].find(({ id }) => id === instance);
    if (endpoint === undefined || (!immediately && endpoint.state === 'draining')) return 0;
    const { epoch } = endpoint;
    const { appliesInMs } = await names.withdraw({ name: canonical, id: instance, epoch, now: immediately });
    return appliesInMs;
  } catch (error) {
    logger.debug(`Could not withdraw endpoint ${instance} of ${name}: ${errorMessage(error)}`);
    return 0;
  }
}
