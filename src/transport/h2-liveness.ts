import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.js';

/** Checks at half the ping interval without anything read: two pings were not acknowledged. */
const maxSilentChecks = 5;
/**
 * Lowest line rate that does not count as silence, in bytes per ms: 8 s for HTTP/2's initial 64 KiB window.
 */
const minBytesPerMs = 8;
/** Maximum extra wait for written bytes, in ms. New requests should not queue longer than that. */
const maxExtraWaitMs = 30_000;

/**
 * Detects an HTTP/2 peer that has gone silent: a stopped process, a machine without power, a network that
 * drops packets. TCP alone needs minutes for that. undici sends a PING at its interval but does not check the
 * acknowledgement. Each one is read from the socket, so a connection on which nothing is read is silent.
 *
 * A PING queues behind bytes written before it, of which the kernel may hold megabytes. Recently written
 * bytes therefore get the time that a slow line needs, and a connection that keeps accepting bytes is not
 * silent. Silence is counted in checks, not in time: a process whose event loop was blocked made only one
 * check meanwhile.
 *
 * Watches until the socket closes. Does not keep the process alive. HTTP/1.1 has no ping and is not watched.
 *
 * @param pingMs - ping interval, in ms; nothing is watched unless it is > 0
 * @param onSilent - called once, after 2.5 to 3 intervals of silence. Each 8 bytes written since about the
 * second to last read add 1 ms, at most 30,000 ms
 * @see [C2.3](../../docs/guarantees.md#c2-3)
 */
export function watchLiveness(socket: Socket, clock: Clock, pingMs: number, onSilent: () => void): void {
  if (!(pingMs > 0) || (socket as Partial<TLSSocket>).alpnProtocol !== 'h2') return;
  const checkMs = pingMs / 2;
  let { bytesRead, bytesWritten } = socket;
  // Bytes written before each of the last two checks that found data read. The older value counts, because
  // the data read last may acknowledge something sent before the rest.
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
