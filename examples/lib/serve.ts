/**
 * The servers that the examples call. Each returns its own name, listens on a free port of loopback, fails on demand, and
 * never keeps the process alive.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The response of a server: its name, and the request that it received. */
export interface Answer {
  readonly server: string;
  readonly request: string;
}

/** A running server. */
export interface Server {
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  /** Id and address, as a registry takes them. */
  readonly endpoint: { readonly id: string; readonly address: string };
  /** Number of responses so far. */
  readonly answered: number;
  /** Accepts requests and does not respond. */
  freeze(): void;
  /** Resets each connection instead of responding. */
  cut(): void;
  /** Stops: connections are closed, new ones refused. */
  stop(): Promise<void>;
}

/** Starts a server. `delayMs`: time for each request. */
export async function serve(id: string, { delayMs = 0 } = {}): Promise<Server> {
  let answered = 0;
  let state: 'healthy' | 'frozen' | 'resetting' = 'healthy';

  const server = createServer((request, response) => {
    if (state === 'resetting') request.socket.resetAndDestroy();
    if (state !== 'healthy') return;
    setTimeout(() => respond(request, response), delayMs);
  });
  const respond = (request: IncomingMessage, response: ServerResponse): void => {
    answered++;
    const body: Answer = { server: id, request: `${request.method} ${request.url}` };
    response.setHeader('content-type', 'application/json').end(JSON.stringify(body));
  };
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  server.unref();

  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    address,
    endpoint: { id, address },
    get answered() {
      return answered;
    },
    freeze: () => void (state = 'frozen'),
    cut: () => void (state = 'resetting'),
    stop() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
