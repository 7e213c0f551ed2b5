import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.js';

/**
 * Number of checks in a row without received bytes after which the peer counts as dead. A check runs every half ping
 * interval, so the peer has then left two PING frames unanswered.
 */
const maxSilentChecks = 5;
/**
 * Minimum transfer rate of a peer that is alive. At this rate, HTTP/2's initial window of 65,535 bytes takes about
 * 8,000 ms.
 */
const minBytesPerMs = 8;
/**
 * Maximum time by which written bytes delay `onSilent`. During a longer delay, more requests would use a dead
 * connection.
 */
const maxExtraWaitMs = 30_000;

/**
 * Detects an HTTP/2 peer that no longer sends bytes. While no bytes arrive, a PING is sent every ping interval, because
 * TCP alone detects a dead peer only after minutes. While bytes arrive, no PING is sent, because some servers close a
 * connection after a few PING frames. A PING waits until all earlier bytes are written, so recently written bytes
 * extend the time limit. The limit is a number of checks and not a time, because no check runs while the event loop of
 * this process is blocked.
 * @param pingMs - returns the ping interval; the checks end when the interval is 0
 * @param sendPing - sends a PING frame
 * @param onSilent - called once, after 2.5 to 3 ping intervals without received bytes. Recently written bytes delay the
 * call by 1 ms per 8 bytes, at most 30,000 ms.
 * @see [C2.3](../../docs/guarantees.md#c2-3)
 */
export function watchLiveness(
  socket: Socket,
  clock: Clock,
  pingMs: () => number,
  sendPing: () => void,
  onSilent: () => void,
): void {
  if (!(pingMs() > 0) || (socket as Partial<TLSSocket>).alpnProtocol !== 'h2') return;
  const checkMs = pingMs() / 2;
  let { bytesRead, bytesWritten } = socket;
  // Values of `bytesWritten` before the last two checks that found received bytes. The older value is used, because
  // received bytes that respond to an old request show nothing about bytes that were written later.
  let [writtenBeforePrevious, writtenBeforeLast] = [bytesWritten, bytesWritten];
  let silentChecks = 0;
  const check = (): void => {
    if (socket.destroyed || !(pingMs() > 0)) return;
    if (socket.bytesRead === bytesRead) {
      silentChecks++;
    } else {
      silentChecks = 0;
      [writtenBeforePrevious, writtenBeforeLast] = [writtenBeforeLast, bytesWritten];
    }
    ({ bytesRead, bytesWritten } = socket);
    const extraWaitMs = Math.min((bytesWritten - writtenBeforePrevious) / minBytesPerMs, maxExtraWaitMs);
    if (silentChecks >= maxSilentChecks + Math.floor(extraWaitMs / checkMs)) {
      onSilent();
      return;
    }
    if (silentChecks % 2 === 1) sendPing();
    schedule();
  };
  let timer: Timer;
  const schedule = (): void => {
    timer = clock.setTimer(() => clock.afterPendingIo(check), checkMs);
    timer.setRef(false);
  };
  schedule();
  socket.once('close', () => timer.cancel());
}
