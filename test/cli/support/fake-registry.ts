import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { paths } from '../../../src/protocol/paths.js';

/** A received request. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: any;
}

/** A response: a value that is sent as JSON with status 200, or a function that handles the request. */
export type FakeResponse = object | ((request: FakeRequest, response: ServerResponse) => void);

/** Starts a registry with fixed responses by path, for responses that the bundled server never sends. */
export async function fakeRegistry(responses: Partial<Record<keyof typeof paths, FakeResponse>>) {
  const requests: FakeRequest[] = [];
  const byPath = new Map(
    Object.entries(responses).map(([key, response]) => [
      paths[key as keyof typeof paths] as string,
      response,
    ]),
  );
  const server = createServer((incoming, outgoing) => {
    void read(incoming).then((request) => {
      requests.push(request);
      const response = byPath.get(request.path);
      if (typeof response === 'function') response(request, outgoing);
      else if (response === undefined)
        sendFailure(outgoing, 404, 'NAME_NOT_FOUND', `No response is set for ${request.path}`);
      else outgoing.setHeader('content-type', 'application/json').end(JSON.stringify(response));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Sends an error response as the bundled server does. */
export function sendFailure(
  response: ServerResponse,
  status: number,
  code: string,
  message: string,
  more: object = {},
): void {
  response.statusCode = status;
  response
    .setHeader('content-type', 'application/json')
    .end(JSON.stringify({ error: { code, message, ...more } }));
}

async function read(request: IncomingMessage): Promise<FakeRequest> {
  let text = '';
  for await (const chunk of request) text += String(chunk);
  const url = new URL(request.url ?? '/', 'http://registry');
  const isJson = request.headers['content-type'] === 'application/json';
  return {
    method: request.method ?? '',
    path: url.pathname,
    query: Object.fromEntries(url.searchParams),
    body: isJson ? JSON.parse(text) : text,
  };
}
