/** Real servers with a wrapped handler, and raw clients for them. */
import { once } from 'node:events';
import { createServer, request, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { connect, type AddressInfo, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

/** Listens on a free loopback port until the test ends. */
export async function listenOnLoopback(
  server: Server | { listen(port: number, host: string): unknown; address(): unknown; close(): unknown },
): Promise<number> {
  (server as Server).listen(0, '127.0.0.1');
  await once(server as Server, 'listening');
  onTestFinished(() => {
    (server as Partial<Server>).closeAllConnections?.();
    server.close();
  });
  return ((server as Server).address() as AddressInfo).port;
}

export function serve(
  handler: (request: IncomingMessage, response: ServerResponse) => unknown,
): Promise<number> {
  return listenOnLoopback(createServer((request, response) => void handler(request, response)));
}

let drawn = 0;

/** Creates an idempotency key with the current time. */
export function newCallId(): string {
  return `${String(Date.now())}-${(++drawn).toString(16).padStart(32, '0')}`;
}

export interface PlainResponse {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly raw: readonly string[];
  readonly body: string;
}

export interface PlainRequest {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Record<string, string | string[]>;
  readonly body?: string | Buffer | readonly (string | Buffer)[];
}

/** Sends one request on a new connection; a list of chunks is sent with chunked encoding. */
export async function sendRequest(
  port: number,
  { method = 'POST', path = '/', headers = {}, body }: PlainRequest,
): Promise<PlainResponse> {
  const parts = typeof body === 'object' && !Buffer.isBuffer(body) ? body : undefined;
  const outgoing = request({ port, host: '127.0.0.1', method, path, headers, agent: false });
  // A server that has responded may close the connection before the request is sent completely.
  outgoing.on('error', () => undefined);
  const responded = once(outgoing, 'response');
  if (parts === undefined) outgoing.end(body);
  else {
    responded.catch(() => undefined);
    for (const chunk of parts) {
      outgoing.write(chunk);
      await new Promise((resolve) => setImmediate(resolve));
    }
    outgoing.end();
  }
  const [incoming] = (await responded) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  return {
    status: incoming.statusCode ?? 0,
    headers: incoming.headers,
    raw: incoming.rawHeaders,
    body: Buffer.concat(chunks).toString(),
  };
}

/** Opens a connection for raw bytes. */
export async function rawConnection(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  return socket;
}

/** Reads until `enough` returns true or the connection ends. */
export async function readUntil(socket: Socket, enough: (text: string) => boolean): Promise<string> {
  let text = '';
  for await (const chunk of socket) {
    text += (chunk as Buffer).toString('latin1');
    if (enough(text)) break;
  }
  return text;
}
