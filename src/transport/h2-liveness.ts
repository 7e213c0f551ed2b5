import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.js';

/**
 * Number of successive checks without received bytes after which a peer counts as silent. A check runs every half ping
 * interval, so the peer has then left two pings unanswered.
 */
const maxSilentChecks = 5;
/**
 * Slowest transfer rate at which a peer does not count as silent, in bytes per ms. At this rate, HTTP/2's initial
 * window of 65,535 bytes takes about 8,000 ms.
 */
const minBytesPerMs = 8;
/**
 * Maximum time by which written bytes extend the allowed silence, in ms. A longer extension would let more new requests
 * use a silent connection.
 */
const maxExtraWaitMs = 30_000;

/**
 * Detects an HTTP/2 peer that has become silent. TCP alone needs minutes to detect such a peer. undici sends PING
 * frames but does not check their acknowledgements. A working peer acknowledges every PING, so a silent socket means a
 * silent peer.
 *
 * A PING reaches the peer only after all bytes that were written before the PING, and the kernel may still hold
 * megabytes of these bytes. The allowed silence therefore grows with the number of recently written bytes. Silence is
 * measured as a number of checks, not as a time. While the event loop of this process is blocked, no check runs, and
 * afterwards only one. The blocked time therefore does not count as silence.
 *
 * The checks end when the socket closes, and do not keep the process alive. HTTP/1.1 has no ping and is not checked.
 *
 * @param pingMs - ping interval, in ms; the socket is checked only if the interval is > 0
 * @param onSilent - called once, after 2.5 to 3 ping intervals without received bytes. Every 8 recently written bytes
 * delay the call by 1 ms, up to 30,000 ms in total
 * @see [C2.3](../../docs/guarantees.md#c2-3)
 */
export function watchLiveness(socket: Socket, clock: Clock, pingMs: number, onSilent: () => void): void {
  if (!(pingMs > 0) || (socket as Partial<TLSSocket>).alpnProtocol !== 'h2') return;
  const checkMs = pingMs / 2;
  let { bytesRead, bytesWritten } = socket;
  // Values of `bytesWritten`, one check before each of the last two checks that found received bytes. The bytes written
  // since the older value extend the allowed silence. The newer value would be wrong: the received bytes may respond to
  // an old request, and the peer may not have received all bytes written since that request.
  let [writtenBeforePrevious, writtenBeforeLast] = [bytesWritten, bytesWritten];
  let silentChecks = 0;
  const check = (): void => {
    if (socket.destroyed) return;
    if (socket.bytesRead === bytesRead) {
      silentChecks++;
    } else {
      silentChecks = 0;
      [writtenBeforePrevious, writtenBeforeLast] = [writtenBeforeLast, bytesWritten];
    }
    ({ bytesRead, bytesWritten } = socket);
    const extraWaitMs = Math.min((bytesWritten - writtenBeforePrevious) / minBytesPerMs, maxExtraWaitMs);
    if (silentChecks >= maxSilentChecks + Math.floor(extraWaitMs / checkMs)) onSilent();
    else schedule();
  };
  let timer: Timer;
  const schedule = (): void => {
    timer = clock.setTimer(() => clock.afterPendingIo(check), checkMs);
    timer.setRef(false);
  };
  schedule();
  socket.once('close', () => timer.cancel());
}
