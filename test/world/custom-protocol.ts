import type { Endpoint } from 'binding-clerk';
import type { PlainRequest } from './dominance/plain-request.js';
import type { CallRecord } from './oracle.js';
import type { SimulationContext } from './simulation-context.js';

/**
 * Exchanges one message with an endpoint in a custom protocol, for `binding.call`. A request that has arrived is executed even
 * if the call is aborted.
 */
export function exchangeMessage(
  simulation: SimulationContext,
  { id, clerk }: CallRecord,
  endpoint: Endpoint,
  signal: AbortSignal,
  plain: PlainRequest | undefined,
): Promise<number> {
  const { runtime, replicas, faults, customCallRuns, log } = simulation;
  // Uses the last address, since the first one may be unreachable.
  const replica = replicas.at(endpoint.addresses.at(-1) as string);
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
    runtime.setTimer(() => {
      if (!replica || replica.impairments.down > 0 || replica.impairments.refusing > 0) {
        plain?.lost();
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
        if (behavior !== 'respond') {
          plain?.lost();
          reject(socketError('ECONNRESET', 'read'));
        } else if (statusCode >= 500) {
          plain?.lost();
          reject(new Error(`The service failed with status ${statusCode}`));
        } else {
          plain?.arrived(200, false);
          resolve(200);
        }
      }, delayMs + 1);
    }, 1);
  });
}

function socketError(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}
