/** A talk in a protocol of the program's own, for `binding.call`: one message there, one back. */
import type { Endpoint } from 'binding-clerk';
import type { CallRecord } from './oracle.js';
import type { SimulationContext } from './simulation-context.js';

/** Talks to an endpoint as long as nobody aborts; what has arrived runs all the same. */
export function exchangeMessage(
  world: SimulationContext,
  { id, clerk }: CallRecord,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<number> {
  const { runtime, replicas, faults, customCallRuns, log } = world;
  // It knows better than to use a first address that leads nowhere.
  const replica = replicas.at(endpoint.addresses.at(-1) as string);
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
    runtime.setTimer(() => {
      if (!replica || replica.impairments.down > 0 || replica.impairments.refusing > 0) {
        reject(socketError('ECONNREFUSED', 'connect'));
        return;
      }
      if (replica.impairments.stalled > 0 || replica.impairments.paused > 0) return;
      const { behavior = 'respond', delayMs = 0, statusCode = 200 } = faults.replyFor(replica, clerk);
      if (behavior === 'hang') return;
      if (behavior !== 'reset-before') {
        customCallRuns.set(id, (customCallRuns.get(id) ?? 0) + 1);
        log(`${id} runs at ${replica.id}`);
      }
      if (behavior === 'drop-response') return;
      runtime.setTimer(() => {
        if (behavior !== 'respond') reject(socketError('ECONNRESET', 'read'));
        else if (statusCode >= 500) reject(new Error(`It failed with ${statusCode}`));
        else resolve(200);
      }, delayMs + 1);
    }, 1);
  });
}

function socketError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}
