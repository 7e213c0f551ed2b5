/** A registry that answers what a test tells it to, for answers that no real one gives. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { paths } from '../../../src/protocol/paths.js';

/** What was asked. */
export interface FakeRequest {
  readonly method: string;
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  readonly body: any;
}

/** An answer: a value sent as JSON with status 200, or whatever the function makes of the response. */
export type FakeResponse = object | ((asked: FakeRequest, response: ServerResponse) => void);

/** A registry with answers by path; what has none is refused as unknown. */
export async function fakeRegistry(responses: Partial<Record<keyof typeof paths, FakeResponse>>) {
  const requests: FakeRequest[] = [];
  const byPath = new Map(
    Object.entries(responses).map(([key, answer]) => [paths[key as keyof typeof paths] as string, answer]),
  );
  const server = createServer((request, response) => {
    void read(request).then((question) => {
      requests.push(question);
      const answer = byPath.get(question.path);
      if (typeof answer === 'function') answer(question, response);
      else if (answer === undefined)
        sendFailure(response, 404, 'NAME_NOT_FOUND', `Nothing is at ${question.path}`);
      else response.setHeader('content-type', 'application/json').end(JSON.stringify(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    asked: requests,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Refuses as the reference server does. */
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
