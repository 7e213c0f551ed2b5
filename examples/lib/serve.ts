/**
 * The servers that the examples call: each says its own name, listens on a free port of loopback,
 * breaks when it is told to, and never keeps the process alive.
 */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What a server answers: who it is and what it was asked. */
export interface Answer {
  readonly server: string;
  readonly asked: string;
}

/** A running server. */
export interface Server {
  /** `http://127.0.0.1:<port>` */
  readonly address: string;
  /** Name and address, as a registry wants them. */
  readonly endpoint: { readonly id: string; readonly address: string };
  /** Requests answered so far. */
  readonly answered: number;
  /** Goes on accepting requests and answers none of them. */
  freeze(): void;
  /** Cuts every connection instead of answering. */
  cut(): void;
  /** Is gone: connections are cut, new ones refused. */
  stop(): Promise<void>;
}

/** Starts a server. `delayMs`: how long it thinks about each request. */
export async function serve(id: string, { delayMs = 0 } = {}): Promise<Server> {
  let answered = 0;
  let mood: 'well' | 'frozen' | 'cutting' = 'well';

  const server = createServer((request, response) => {
    if (mood === 'cutting') request.socket.resetAndDestroy();
    if (mood !== 'well') return;
    setTimeout(() => answer(request, response), delayMs);
  });
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    answered++;
    const body: Answer = { server: id, asked: `${request.method} ${request.url}` };
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
    freeze: () => void (mood = 'frozen'),
    cut: () => void (mood = 'cutting'),
    stop() {
      server.closeAllConnections();
      return new Promise((closed) => server.close(() => closed()));
    },
  };
}
