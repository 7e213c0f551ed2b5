import { sleep, type Clock } from '../../../core/clock.js';
import { ClerkError } from '../../../core/errors.js';
import type { SharedLog } from '../../shared-log.js';
import { sessionMs } from './server-session.js';

const pollMs = 250;
/** Additional time, in ms, because the database may end a session late. */
const graceMs = 3_000;

/**
 * Resolves when no server has a session in the log. Sessions of killed servers take up to 12 s to end.
 *
 * @throws {@link ClerkError} `FORBIDDEN` when a server still has a session after 15 s
 */
export async function untilIdle(log: SharedLog, clock: Clock): Promise<void> {
  const until = clock.now() + sessionMs + graceMs;
  while ((await log.sessions()).size > 0) {
    if (clock.now() >= until)
      throw new ClerkError(
        'FORBIDDEN',
        `A server is using ${log.subject}; stop all servers of this registry, then repeat the command`,
      );
    await sleep(clock, pollMs);
  }
}
