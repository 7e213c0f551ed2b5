import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.js';

/**
 * Number of successive checks without received bytes after which a peer counts as silent. Checks run every half ping
 * interval, so by then two pings were not acknowledged.
 */
const maxSilentChecks = 5;
/**
 * Slowest line rate at which a peer does not count as silent, in bytes per ms. At this rate, HTTP/2's initial window
 * of 64 KiB takes about 8,000 ms.
 */
const minBytesPerMs = 8;
/**
 * Maximum time that written bytes add to the wait, in ms. The maximum limits how long new requests can queue on a
 * silent connection.
 */
const maxExtraWaitMs = 30_000;

/**
 * Detects an HTTP/2 peer that has become silent: its process is stopped, its machine has no power, or the network
 * drops packets. TCP alone needs minutes to detect such a peer. undici sends PING frames but does not check that the
 * peer acknowledges them. Every acknowledgement would be read from the socket, so a peer is silent when nothing is
 * read.
 *
 * A PING waits behind the bytes written before it, and the kernel may hold megabytes of such bytes. The wait
 * therefore grows with the bytes that were written recently. Silence is counted in checks, not in time. A process
 * with a blocked event loop makes only one check afterwards, so the blocked time does not count as silence.
 *
 * Checks until the socket closes. Does not keep the process alive. HTTP/1.1 has no ping, so HTTP/1.1 connections are
 * not checked.
 *
 * @param pingMs - ping interval, in ms; unless it is > 0, the socket is not checked
 * @param onSilent - called once, after 2.5 to 3 ping intervals without received bytes. Every 8 bytes written since
 * about the second-to-last read delay the call by 1 ms, up to 30,000 ms
 * @see [C2.3](../../docs/guarantees.md#c2-3)
 */
export function watchLiveness(socket: Socket, clock: Clock, pingMs: number, onSilent: () => void): void {
  if (!(pingMs > 0) || (socket as Partial<TLSSocket>).alpnProtocol !== 'h2') return;
  const checkMs = pingMs / 2;
  let { bytesRead, bytesWritten } = socket;
  // `bytesWritten` as of one check before each of the last two checks that found received bytes. The older value is
  // used, because the newest received bytes may be a response to bytes that were written earlier.
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
