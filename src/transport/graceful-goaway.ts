import { constants } from 'node:http2';
import type { Socket } from 'node:net';
import { sessionOf } from './h2-session.js';

/**
 * Calls `listener` when the peer closes the HTTP/2 session of a socket gracefully (GOAWAY with NO_ERROR). Requests in
 * flight continue, which undici itself would fail. Does nothing if the session is not found.
 * @param socket - a socket that undici has accepted
 */
export function onGracefulGoAway(socket: Socket, listener: () => void): void {
  const session = sessionOf(socket);
  if (session === undefined) return;
  const inherited = session.listeners('goaway') as ((...args: unknown[]) => void)[];
  session.removeAllListeners('goaway');
  let hasClosed = false;
  session.on('goaway', (...args: [code: number, ...rest: unknown[]]) => {
    if (args[0] !== constants.NGHTTP2_NO_ERROR) for (const handle of inherited) handle.apply(session, args);
    else if (!hasClosed) {
      hasClosed = true;
      listener();
    }
  });
}
