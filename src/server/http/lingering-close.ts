import type { IncomingMessage, ServerResponse } from 'node:http';

const maxDiscardedBytes = 1024 * 1024;

/**
 * Sends a response. If the connection closes after it, reads and discards the rest of the request body before that.
 * Closing with unread data would send a TCP reset, and the client could lose the response.
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
