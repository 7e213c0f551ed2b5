import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Makes `closeIdleConnections` of a server keep connections with unsent responses. node:http counts a connection as
 * idle when the response has ended, even if a slow client has not received all of it. Closing the server would cut off
 * the response.
 */
export function closeIdleAfterSending(server: Server): void {
  /** Number of unsent responses of each connection that has had a request. */
  const unsent = new Map<Socket, number>();
  server.prependListener('request', ({ socket }: IncomingMessage, outgoing: ServerResponse) => {
    if (!unsent.has(socket)) socket.once('close', () => unsent.delete(socket));
    unsent.set(socket, (unsent.get(socket) ?? 0) + 1);
    outgoing.once('close', () => {
      const count = unsent.get(socket);
      if (count !== undefined) unsent.set(socket, count - 1);
    });
  });
  // Node also calls this method in `close` of the server.
  server.closeIdleConnections = () => {
    for (const [socket, count] of unsent) if (count === 0) socket.destroy();
  };
}
