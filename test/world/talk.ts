/** A talk in a protocol of the program's own, for `binding.call`: one message there, one back. */
import type { Endpoint } from 'binding-clerk';
import type { CallRecord } from './oracle.js';
import type { Setting } from './setting.js';

/** Talks to an endpoint as long as nobody aborts; what has arrived runs all the same. */
export function talkTo(
  world: Setting,
  { id, clerk }: CallRecord,
  endpoint: Endpoint,
  signal: AbortSignal,
): Promise<number> {
  const { runtime, replicas, faults, talkRuns, log } = world;
  // It knows better than to use a first address that leads nowhere.
  const replica = replicas.at(endpoint.addresses.at(-1) as string);
  return new Promise((resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error));
    runtime.setTimer(() => {
      if (!replica || replica.held.down > 0 || replica.held.refusing > 0) {
        reject(failure('ECONNREFUSED', 'connect'));
        return;
      }
      if (replica.held.stalled > 0 || replica.held.paused > 0) return;
      const { fate = 'answer', delayMs = 0, statusCode = 200 } = faults.fateOf(replica, clerk);
      if (fate === 'hang') return;
      if (fate !== 'reset-before') {
        talkRuns.set(id, (talkRuns.get(id) ?? 0) + 1);
        log(`${id} runs at ${replica.id}`);
      }
      if (fate === 'drop-reply') return;
      runtime.setTimer(() => {
        if (fate !== 'answer') reject(failure('ECONNRESET', 'read'));
        else if (statusCode >= 500) reject(new Error(`It failed with ${statusCode}`));
        else resolve(200);
      }, delayMs + 1);
    }, 1);
  });
}

function failure(code: string, syscall: string): Error {
  return Object.assign(new Error(`${syscall} ${code}`), { code, syscall });
}
