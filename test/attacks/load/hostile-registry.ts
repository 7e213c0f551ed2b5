import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface HostileRegistry {
  readonly url: string;
  /** Requests so far, by path without query. */
  readonly requests: ReadonlyMap<string, number>;
  close(): Promise<void>;
}

/** A program that answers as a registry, with whatever `respond` says. */
export async function startHostileRegistry(
  respond: (path: string, body: any, response: ServerResponse) => void,
): Promise<HostileRegistry> {
  const requests = new Map<string, number>();
  const handle = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const [path = ''] = (incoming.url ?? '').split('?');
    requests.set(path, (requests.get(path) ?? 0) + 1);
    let text = '';
    for await (const chunk of incoming) text += String(chunk);
    respond(path, text === '' ? undefined : JSON.parse(text), response);
  };
  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

export function respondJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}
