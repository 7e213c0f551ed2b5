import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { brotliCompressSync, constants, gzipSync } from 'node:zlib';

export interface HostileService {
  readonly url: string;
  close(): Promise<void>;
}

const mebibyte = 1024 * 1024;

function sendEndless(response: Parameters<RequestListener>[1]): void {
  const chunk = Buffer.alloc(64 * 1024, '7');
  const send = (): void => {
    while (!response.destroyed && response.write(chunk));
  };
  response.on('error', () => undefined).on('drain', send);
  send();
}

/**
 * A service that answers `/short` honestly. `/endless` never ends, `/slow` sends a byte now and then, and `/gzip` and
 * `/br` decode to 256 MiB.
 */
export async function startHostileService(): Promise<HostileService> {
  const zeros = Buffer.alloc(256 * mebibyte);
  const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
  const bombs: Record<string, Buffer> = {
    '/gzip': gzipSync(zeros),
    '/br': brotliCompressSync(zeros, quality),
  };
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    const bomb = bombs[path];
    if (path === '/endless') sendEndless(response);
    else if (path === '/slow') {
      response.writeHead(200).flushHeaders();
      const timer = setInterval(() => response.write('x'), 20);
      response.on('close', () => clearInterval(timer));
    } else if (bomb !== undefined) response.writeHead(200, { 'content-encoding': path.slice(1) }).end(bomb);
    else response.end('short');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
