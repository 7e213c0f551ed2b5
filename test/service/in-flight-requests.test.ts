/** Which requests count as in flight: a drain waits for these. */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { InFlightRequests } from '../../src/service/in-flight-requests.js';
import type { ServerLike } from '../../src/service/server-addresses.js';

class FakeServer extends EventEmitter implements ServerLike {
  listening = true;

  address(): string {
    return '/run/orders';
  }
}

class FakeHttp2Server extends FakeServer {
  updateSettings(): void {
    // Only HTTP/2 servers have this method.
  }
}

async function isIdle(requests: InFlightRequests): Promise<boolean> {
  return Promise.race([
    requests.whenIdle().then(() => true),
    new Promise<false>((r) => setImmediate(r, false)),
  ]);
}

const response = (statusCode = 200): EventEmitter & { statusCode: number } =>
  Object.assign(new EventEmitter(), { statusCode });

test('an HTTP/1.1 request at a server with HTTP/2 is in flight until its response closes', async () => {
  const server = new FakeHttp2Server();
  const requests = new InFlightRequests(server);
  server.on('request', () => undefined);
  const first = response();
  server.emit('request', { httpVersionMajor: 1 }, first);
  expect(await isIdle(requests)).toBe(false);
  first.emit('close');
  expect(await isIdle(requests)).toBe(true);
  expect([requests.finished, requests.failed]).toEqual([1, 0]);
});

test('an HTTP/2 request counts once, by its stream', async () => {
  const server = new FakeHttp2Server();
  server.on('request', () => undefined);
  const requests = new InFlightRequests(server);
  const stream = Object.assign(new EventEmitter(), { sentHeaders: { ':status': 503 } });
  server.emit('stream', stream, {});
  server.emit('request', { httpVersionMajor: 2, stream }, response());
  stream.emit('close');
  expect(await isIdle(requests)).toBe(true);
  expect([requests.finished, requests.failed]).toEqual([1, 1]);
});

test('a server with HTTP/2 gets no request listener before the program adds its own', () => {
  const server = new FakeHttp2Server();
  const requests = new InFlightRequests(server);
  expect(server.eventNames().sort()).toEqual(['newListener', 'stream']);
  requests.close();
  expect(server.eventNames()).toEqual([]);
});

test('a request with Expect counts once, whether the program passes it on or not', async () => {
  const server = new FakeServer();
  server.on('request', () => undefined);
  const requests = new InFlightRequests(server);
  expect(server.listenerCount('checkContinue')).toBe(0);
  server.on('checkContinue', (request: { passOn: boolean }, each: EventEmitter) => {
    if (request.passOn) server.emit('request', request, each);
  });
  const responses = [response(), response(500)];
  for (const [i, each] of responses.entries()) server.emit('checkContinue', { passOn: i === 0 }, each);
  expect(await isIdle(requests)).toBe(false);
  responses[0]?.emit('close');
  expect(await isIdle(requests)).toBe(false);
  responses[1]?.emit('close');
  expect(await isIdle(requests)).toBe(true);
  expect([requests.finished, requests.failed]).toEqual([2, 1]);
});

test('after close() nothing is counted, and the server has the listeners of the program only', () => {
  const server = new FakeServer();
  const requests = new InFlightRequests(server);
  server.on('checkContinue', () => undefined);
  requests.close();
  server.emit('request', {}, response());
  expect(server.eventNames()).toEqual(['checkContinue']);
  expect(server.listenerCount('checkContinue')).toBe(1);
});
