import type { Server } from 'node:http';
import { createServer, type Server as TcpServer } from 'node:net';

/**
 * Makes an HTTP server listen at `[::1]` too, as the option `host: 'localhost'` requires. Resolves with undefined if
 * this machine has no IPv6.
 */
export async function listenAtIpv6Loopback(http: Server, port: number): Promise<TcpServer | undefined> {
  const listener = createServer({ noDelay: true }, (socket) => void http.emit('connection', socket));
  try {
    await new Promise<void>((resolve, reject) => {
      listener.once('error', reject);
      listener.listen({ host: '::1', port, backlog: 1_024 }, () => {
        listener.off('error', reject);
        resolve();
      });
    });
    return listener;
  } catch (error) {
    const { code } = error as { readonly code?: unknown };
    if (code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT') return undefined;
    throw error;
  }
}
