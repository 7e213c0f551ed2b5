/**
 * Notices that the peer of an HTTP/2 connection has gone silent: a stopped process, a machine that lost its power, a
 * network that drops what it carries. TCP alone would not for minutes. undici asks for a PING at its interval and never
 * looks whether it was answered; every answer to one is read, so a connection on which nothing is read is silent.
 *
 * Counted in looks and not in time: a process that stood still itself has looked only once meanwhile.
 */
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock, Timer } from '../core/clock.js';

/** Looks at half the interval of the pings without anything read: two pings have gone unanswered. */
const mostSilentLooks = 5;

/**
 * Watches one connection until it ends; keeps no process alive. HTTP/1.1 has no ping and is not watched.
 *
 * @param pingMs - interval of the pings, in ms; unless it is > 0 nothing can be told
 * @param onSilent - called once, after 2.5 to 3 intervals of silence
 * @see promises C2.3
 */
export function watchSilence(socket: Socket, clock: Clock, pingMs: number, onSilent: () => void): void {
  if (!(pingMs > 0) || (socket as Partial<TLSSocket>).alpnProtocol !== 'h2') return;
  let { bytesRead } = socket;
  let silentLooks = 0;
  const look = (): void => {
    if (socket.destroyed) return;
    if (socket.bytesRead === bytesRead) silentLooks++;
    else silentLooks = 0;
    ({ bytesRead } = socket);
    if (silentLooks === mostSilentLooks) onSilent();
    else wait();
  };
  let timer: Timer;
  const wait = (): void => {
    timer = clock.setTimer(() => clock.afterArrivals(look), pingMs / 2);
    timer.setRef(false);
  };
  wait();
  socket.once('close', () => timer.cancel());
}
