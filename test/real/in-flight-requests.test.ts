/** Requests in flight at Node's own servers. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createSecureServer, type Http2ServerResponse } from 'node:http2';
import { request as httpsRequest } from 'node:https';
import { request as httpRequest } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { InFlightRequests } from '../../src/service/in-flight-requests.js';
import { authority } from './certificates.js';

test('a drain waits for an HTTP/1.1 request at a server that also speaks HTTP/2', async () => {
  const ca = await authority('drain');
  const server = createSecureServer({ ...(await ca.issue('localhost')), allowHTTP1: true });
  const requests = new InFlightRequests(server);
  const arrived = new Promise<Http2ServerResponse>((resolve) =>
    server.on('request', (_request, response) => resolve(response)),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const call = httpsRequest({ port, servername: 'localhost', ca: ca.cert, agent: false }).end();
  const answered = once(call, 'response');
  const response = await arrived;
  expect(response.req.httpVersionMajor).toBe(1);
  let isIdle = false;
  const idle = requests.whenIdle().then(() => (isIdle = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isIdle).toBe(false);
  response.end('done');
  await idle;
  await answered;
  expect(requests.finished).toBe(1);
});

test('a drain waits for a request with `Expect: 100-continue` that the program handles itself', async () => {
  const server = createServer();
  const requests = new InFlightRequests(server);
  const arrived = new Promise<ServerResponse>((resolve) =>
    server.on('checkContinue', (_request, response: ServerResponse) => resolve(response)),
  );
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const call = httpRequest({ port, method: 'POST', headers: { expect: '100-continue' }, agent: false });
  call.flushHeaders();
  const answered = once(call, 'response');
  const response = await arrived;
  let isIdle = false;
  const idle = requests.whenIdle().then(() => (isIdle = true));
  await new Promise((resolve) => setImmediate(resolve));
  expect(isIdle).toBe(false);
  response.writeContinue();
  response.end('done');
  await answered;
  call.end();
  await idle;
  expect(requests.finished).toBe(1);
});

test('a WebSocket is in flight until it closes, and a server without one answers the request itself', async () => {
  const server = createServer((_request, response) => response.end('plain'));
  const requests = new InFlightRequests(server);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  const upgrade = () =>
    httpRequest({ port, headers: { connection: 'upgrade', upgrade: 'websocket' }, agent: false }).end();
  const [plain] = (await once(upgrade(), 'response')) as [IncomingMessage];
  plain.resume();
  await requests.whenIdle();
  server.on('upgrade', (_request, socket: Socket) => {
    socket.resume().on('end', () => socket.end());
    socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  });
  const [, client] = (await once(upgrade(), 'upgrade')) as [IncomingMessage, Socket];
  let isIdle = false;
  const idle = requests.whenIdle().then(() => (isIdle = true));
  client.write('hello');
  await new Promise((resolve) => setTimeout(resolve, 50));
  expect(isIdle).toBe(false);
  client.destroy();
  await idle;
});
