import { constants, type ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

/**
 * Calls `listener` when the peer closes the HTTP/2 session of a socket gracefully (GOAWAY with NO_ERROR), and lets the
 * requests in flight end. Node then closes the session. A request whose stream id is above the last id that the peer
 * states fails with REFUSED_STREAM, which proves that the peer did not process the request.
 *
 * By default, undici fails the requests in flight at every GOAWAY, although the peer may answer these requests. undici
 * still handles a GOAWAY with an error. If undici keeps its session elsewhere, all remains as undici does it.
 *
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
      // A peer may send several GOAWAY frames, each with a lower last id.
      hasClosed = true;
      listener();
    }
  });
}

/** undici keeps the session in a property of the socket whose key is a symbol of its own. */
function sessionOf(socket: Socket): ClientHttp2Session | undefined {
  for (const key of Object.getOwnPropertySymbols(socket)) {
    const value: unknown = Reflect.get(socket, key);
    if (isSession(value)) return value;
  }
  return undefined;
}

function isSession(value: unknown): value is ClientHttp2Session {
  return typeof value === 'object' && value !== null && 'goaway' in value && 'settings' in value;
}
