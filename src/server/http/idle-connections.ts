import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/**
 * Makes a server close a connection as idle only after its last response was sent. node:http counts a connection as idle
 * as soon as the response has ended, although a slow client may not have received it yet. `close` of the server would cut
 * such a response.
 */
export function closeIdleAfterSending(server: Server): void {
  /** Responses that were not sent yet, by the connections that have had a request. */
  const unsent = new Map<Socket, number>();
  server.prependListener('request', ({ socket }: IncomingMessage, outgoing: ServerResponse) => {
    if (!unsent.has(socket)) socket.once('close', () => unsent.delete(socket));
    unsent.set(socket, (unsent.get(socket) ?? 0) + 1);
    outgoing.once('close', () => {
      const count = unsent.get(socket);
      if (count !== undefined) unsent.set(socket, count - 1);
    });
  });
  // Called by `close` of the server too.
  server.closeIdleConnections = () => {
    for (const [socket, count] of unsent) if (count === 0) socket.destroy();
  };
}
