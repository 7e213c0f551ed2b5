import type { ClientHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';

/**
 * Returns the HTTP/2 session that undici has created for a socket; undefined for HTTP/1.1. undici stores the session
 * under a private symbol.
 * @param socket - a socket that undici has accepted
 */
export function sessionOf(socket: Socket): ClientHttp2Session | undefined {
  for (const key of Object.getOwnPropertySymbols(socket)) {
    const value: unknown = Reflect.get(socket, key);
    if (isSession(value)) return value;
  }
  return undefined;
}

function isSession(value: unknown): value is ClientHttp2Session {
  return typeof value === 'object' && value !== null && 'goaway' in value && 'settings' in value;
}
