import type { IncomingMessage, ServerResponse } from 'node:http';

/** Maximum number of bytes of an unread body that are discarded before the connection is closed. */
const maxDiscardedBytes = 1024 * 1024;

/**
 * Sends a response. If a closing connection has an unread request body, the server first discards that body. Closing
 * a socket with unread bytes sends a TCP reset, and the client could lose the response.
 *
 * @see nginx, {@link https://nginx.org/en/docs/http/ngx_http_core_module.html#lingering_close | lingering_close}
 */
export function sendWithLingeringClose(
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  status: number,
  headers: Readonly<Record<string, string>>,
  body: string,
): void {
  if (outgoing.headersSent || outgoing.destroyed) return;
  outgoing.writeHead(status, { ...headers, 'content-length': String(Buffer.byteLength(body)) });
  if (incoming.complete || headers.connection !== 'close') {
    outgoing.end(body);
    return;
  }
  outgoing.write(body);
  let discardedBytes = 0;
  incoming.on('data', (chunk: Buffer) => {
    discardedBytes += chunk.length;
    if (discardedBytes > maxDiscardedBytes) outgoing.end();
  });
  incoming.once('end', () => outgoing.end());
  incoming.once('close', () => outgoing.end());
}
