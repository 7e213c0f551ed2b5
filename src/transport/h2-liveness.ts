import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.js';

/** A check runs every half ping interval, so after five silent checks the peer has left two pings unanswered. */
const maxSilentChecks = 5;
/**
 * Slowest transfer rate at which a peer does not count as silent. At this rate, HTTP/2's initial window of 65,535
 * bytes takes about 8,000 ms.
 */
const minBytesPerMs = 8;
/**
 * Written bytes extend the allowed silence by at most this time. A longer extension would let more requests use a
 * silent connection.
 */
const maxExtraWaitMs = 30_000;

/**
 * Detects an HTTP/2 peer that has become silent. A silent connection gets a PING every ping interval, because TCP alone
 * needs minutes. A connection on which bytes arrive gets none, because some servers close a connection after a few
 * PING frames. A PING queues behind all bytes that are already written, so recently written bytes extend the allowed
 * silence. Silence is counted in checks, because no checks run while the event loop of this process is blocked.
 * @param pingMs - returns the ping interval; the checks end when it is 0
 * @param sendPing - sends a PING frame
 * @param onSilent - called once, after 2.5 to 3 ping intervals without received bytes; recently written bytes delay
 * the call, by 1 ms per 8 bytes and at most 30,000 ms
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
  // the received bytes may respond to an old request, and show nothing about newer written bytes.
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
