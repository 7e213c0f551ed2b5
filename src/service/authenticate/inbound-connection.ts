import { ClerkError } from '../../core/errors.js';

/** The socket of a connection. Without TLS, the socket does not have this method. */
export interface PeerSocket {
  getPeerX509Certificate?(): { readonly raw: Uint8Array } | undefined;
}

export interface InboundConnection {
  /** The same object for all requests of the connection. */
  readonly key: object;
  readonly socket: PeerSocket;
}

interface ConnectedRequest {
  readonly socket?: PeerSocket;
  /** HTTP/2 only. */
  readonly stream?: { readonly session?: (object & { readonly socket?: PeerSocket }) | undefined };
}

/**
 * Returns the connection of a Node request; undefined after the connection was closed. With HTTP/2, `request.socket` is
 * another object for each request, so the session stands for the connection.
 */
export function connectionOf(request: object): InboundConnection | undefined {
  const { stream } = request as ConnectedRequest;
  if (stream === undefined) {
    const { socket } = request as ConnectedRequest;
    return socket && { key: socket, socket };
  }
  const { session } = stream;
  return session?.socket && { key: session, socket: session.socket };
}

/**
 * Returns the Node request behind a fetch-style request. Adapters pass it as `{ incoming }` in the second argument
 * (`@hono/node-server`), or as `request.runtime.node.req` (`srvx`).
 */
export function nodeRequestOf([request, second]: readonly unknown[]): object {
  const { incoming } = (second ?? {}) as { readonly incoming?: unknown };
  const { runtime } = request as { readonly runtime?: { readonly node?: { readonly req?: unknown } } };
  const found = incoming ?? runtime?.node?.req;
  if (typeof found === 'object' && found !== null) return found;
  throw new ClerkError(
    'CONFIG_INVALID',
    'A fetch-style handler wrapped by authenticate() needs the Node request, which shows the key of the client; call the handler with (request, { incoming }), as @hono/node-server does',
  );
}
