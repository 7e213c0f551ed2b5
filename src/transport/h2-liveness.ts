/**
 * Notices that the peer of an HTTP/2 connection has gone silent: a stopped process, a machine that lost its power, a
 * network that drops what it carries. TCP alone would not for minutes. undici asks for a PING at its interval and never
 * looks whether it was answered; every answer to one is read, so a connection on which nothing is read is silent.
 *
 * A PING waits behind what was written before it, and nobody tells how much of that is still on its way: the kernel takes
 * megabytes at once. So what was written lately gets the time that a slow line needs for it; a connection that goes on
 * taking more is not silent.
 *
 * Counted in looks and not in time: a process that stood still itself has looked only once meanwhile.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.js';

/** Looks at half the interval of the pings without anything read: two pings have gone unanswered. */
const maxSilentChecks = 5;
/** Bytes in a ms of the slowest line that is not taken for silence: with the 64 KiB that HTTP/2 lets out at first, 8 s. */
const minBytesPerMs = 8;
/** Most that is waited for what was written, in ms. Nothing new should go where it would wait longer. */
const maxExtraWaitMs = 30_000;

/**
 * Watches one connection until it ends; keeps no process alive. HTTP/1.1 has no ping and is not watched.
 *
 * @param pingMs - interval of the pings, in ms; unless it is > 0 nothing can be told
 * @param onSilent - called once, after 2.5 to 3 intervals of silence, and 1 ms more for each 8 bytes written since
 *   about the last but one time that something was read, 30 s more at most
 * @see promises C2.3
 */
export function watchLiveness(socket: Socket, clock: Clock, pingMs: number, onSilent: () => void): void {
  if (!(pingMs > 0) || (socket as Partial<TLSSocket>).alpnProtocol !== 'h2') return;
  const checkMs = pingMs / 2;
  let { bytesRead, bytesWritten } = socket;
  // What had been written before each of the last two looks that found something read. The older one counts: what was
  // read last may be the answer to something that went before all the rest.
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
