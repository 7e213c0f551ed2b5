import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { gzipSync } from 'node:zlib';
import { bodyOf, webServer, type WebServer } from './web-server.js';

const etag = '"pizza"';
const long = 'x'.repeat(20_000);

type Route = (request: IncomingMessage, response: ServerResponse, url: URL) => unknown;

const routes: Readonly<Record<string, Route>> = {
  '/json': (_request, response) =>
    response
      .writeHead(200, 'Fine', { 'content-type': 'application/json', 'x-two': ['a', 'b'] })
      .end('{"a":1}'),
  '/echo': async (request, response, url) => {
    const { headers, method } = request;
    // The client may abort.
    const body = await bodyOf(request).catch(() => Buffer.from('aborted'));
    const framing = headers['transfer-encoding'] ?? headers['content-length'];
    response.end(
      JSON.stringify({
        method,
        query: url.search,
        framing,
        type: headers['content-type']?.replace(/boundary=.*/, 'boundary'),
        given: headers['x-given'],
        body: body.toString().replace(/-{4,}[^\r]*/g, '--'),
      }),
    );
  },
  '/trailers': (_request, response) => {
    response.writeHead(200, { trailer: 'x-sum' });
    response.write('sum');
    response.addTrailers({ 'x-sum': '3' });
    response.end();
  },
  '/hints': (_request, response) => {
    response.writeEarlyHints({ link: '</a.css>; rel=preload' });
    response.end('hinted');
  },
  '/empty': (_request, response) => response.writeHead(204).end(),
  '/status': (_request, response, url) =>
    response.writeHead(Number(url.searchParams.get('code'))).end('{"why":"because"}'),
  '/redirect': (_request, response, url) =>
    response.writeHead(Number(url.searchParams.get('code') ?? 302), { location: '/echo' }).end(),
  '/gzip': (_request, response) =>
    response.writeHead(200, { 'content-encoding': 'gzip' }).end(gzipSync('unpacked')),
  '/cacheable': (_request, response) =>
    response.writeHead(200, { 'cache-control': 'max-age=60' }).end('kept'),
  '/long': (_request, response) => response.end(long),
  '/hang': () => undefined,
  '/stall': (_request, response) => response.write('begun'),
  '/cut': (_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('half', () => response.destroy());
  },
};

export interface UndiciServer extends WebServer {
  /** Sends the second half of a resource only when asked for it with a range. */
  resumes: number;
}

/** A server with a route for each documented behaviour of undici; it ends with the test. */
export async function undiciServer(): Promise<UndiciServer> {
  const failures = new Map<string, number>();
  const server = await webServer((request, response) => {
    const url = new URL(request.url ?? '/', 'http://server');
    const [, first = '', id = ''] = url.pathname.split('/');
    if (first === 'resumable') sendPart(request, response);
    else if (first === 'flaky') {
      const count = (failures.get(id) ?? 0) + 1;
      failures.set(id, count);
      if (count <= 2) request.socket.destroy();
      else response.end('third time');
    } else routes[`/${first}`]?.(request, response, url);
  });
  const sendPart = (request: IncomingMessage, response: ServerResponse): void => {
    const start = Number(/^bytes=(\d+)-/.exec(request.headers.range ?? '')?.[1] ?? 0);
    const whole = 'first half, second half';
    if (start > 0) {
      result.resumes++;
      response
        .writeHead(206, {
          etag,
          'content-range': `bytes ${String(start)}-${String(whole.length - 1)}/${String(whole.length)}`,
          'content-length': String(whole.length - start),
        })
        .end(whole.slice(start));
      return;
    }
    response.writeHead(200, { etag, 'content-length': String(whole.length), 'accept-ranges': 'bytes' });
    response.write(whole.slice(0, 12), () => setTimeout(() => response.destroy(), 20));
  };
  const onUpgrade = (request: IncomingMessage, socket: Socket): void => {
    socket.on('error', () => undefined);
    socket.write(
      request.method === 'CONNECT'
        ? 'HTTP/1.1 200 OK\r\n\r\n'
        : 'HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: echo\r\n\r\n',
    );
    socket.pipe(socket);
  };
  server.server.on('upgrade', onUpgrade).on('connect', onUpgrade);
  const result: UndiciServer = Object.assign(server, { resumes: 0 });
  return result;
}
