/** Wrapped handlers on real servers of `node:http2`, with the compatibility API. */
import { once } from 'node:events';
import {
  connect,
  constants,
  createServer,
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import { expect, onTestFinished, test, vi } from 'vitest';
import { atMostOnce, memoryCalls, type AtMostOnceOptions } from 'binding-clerk/service';
import { listenOnLoopback, newCallId } from './node-servers.js';

type Handler = (request: Http2ServerRequest, response: Http2ServerResponse) => unknown;

async function serve(handler: Handler, options?: AtMostOnceOptions): Promise<ClientHttp2Session> {
  const server = createServer(atMostOnce(handler, options));
  const session = connect(`http://127.0.0.1:${await listenOnLoopback(server)}`);
  session.on('error', () => undefined);
  onTestFinished(() => session.destroy());
  return session;
}

function post(session: ClientHttp2Session, id: string, more: Record<string, string> = {}): ClientHttp2Stream {
  const stream = session.request({ ':method': 'POST', ':path': '/orders', 'clerk-call-id': id, ...more });
  stream.on('error', () => undefined);
  return stream;
}

async function responseOf(stream: ClientHttp2Stream) {
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  return {
    status: headers[':status'],
    idempotency: headers['clerk-idempotency'],
    headers,
    body: String(Buffer.concat(await stream.toArray())),
  };
}

const echo: Handler = async (request, response) => {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  response.writeHead(201, { 'x-order': '7', 'set-cookie': ['a=1', 'b=2'] });
  response.write('got ');
  response.end(String(Buffer.concat(chunks).length));
};

test.each([0, 1, 70_000, 500_000])(
  'a body of %d bytes is buffered, and the response is replayed',
  async (size) => {
    const handler = vi.fn(echo);
    const session = await serve(handler);
    const id = newCallId();
    for (const idempotency of [undefined, 'replayed', 'replayed']) {
      const stream = post(session, id);
      stream.end(Buffer.alloc(size));
      const response = await responseOf(stream);
      expect(response).toMatchObject({ status: 201, idempotency, body: `got ${size}` });
      expect(response.headers).toMatchObject({ 'x-order': '7', 'set-cookie': ['a=1', 'b=2'] });
    }
    expect(handler).toHaveBeenCalledTimes(1);
  },
);

test('a request without a body, and one in chunks', async () => {
  const session = await serve(echo);
  const none = session.request({ ':path': '/', 'clerk-call-id': newCallId() });
  expect(await responseOf(none)).toMatchObject({ status: 201, body: 'got 0' });
  const chunks = post(session, newCallId());
  for (let i = 0; i < 20; i++) {
    chunks.write('x'.repeat(5_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  chunks.end();
  expect(await responseOf(chunks)).toMatchObject({ status: 201, body: 'got 100000' });
});

test.each([constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_INTERNAL_ERROR])(
  'a stream that is reset (%d) within its body runs nothing',
  async (code) => {
    const handler = vi.fn(echo);
    const store = memoryCalls();
    const begin = vi.spyOn(store, 'begin');
    let came = (): void => undefined;
    const gone: Promise<unknown>[] = [];
    const wrapped = atMostOnce(handler, { store });
    const server = createServer((request, response) => {
      request.stream.once('close', () => setImmediate(came));
      gone.push(Promise.resolve(wrapped(request, response)));
      request.stream.once('data', () => stream.close(code));
    });
    const session = connect(`http://127.0.0.1:${await listenOnLoopback(server)}`);
    onTestFinished(() => session.destroy());
    const id = newCallId();
    const stream = post(session, id);
    const over = new Promise<void>((resolve) => (came = resolve));
    stream.write('half');
    await over;
    await Promise.all(gone);
    expect(begin).not.toHaveBeenCalled();
    expect(handler).not.toHaveBeenCalled();
    const again = post(session, id);
    again.end('whole');
    expect(await responseOf(again)).toMatchObject({ status: 201, body: 'got 5' });
  },
);

test('a response abandoned by its client is stored completely, with headers set after that', async () => {
  const handler = vi.fn<Handler>(async (_request, response) => {
    await once(response, 'close');
    response.statusCode = 202;
    response.setHeader('x-order', '7');
    response.write('first,');
    response.end('second');
  });
  const session = await serve(handler);
  const id = newCallId();
  const stream = post(session, id);
  stream.end();
  await vi.waitFor(() => expect(handler).toHaveBeenCalled());
  stream.close(constants.NGHTTP2_CANCEL);
  await vi.waitFor(async () => {
    const again = post(session, id);
    again.end();
    const response = await responseOf(again);
    expect(response).toMatchObject({ status: 202, idempotency: 'replayed', body: 'first,second' });
    expect(response.headers['x-order']).toBe('7');
  });
  expect(handler).toHaveBeenCalledTimes(1);
});

test('running, failed and too large requests get the same statuses as over HTTP/1.1', async () => {
  let fail = (_error: Error): void => undefined;
  const wrapped = atMostOnce(
    (request: Http2ServerRequest, _response: Http2ServerResponse) =>
      new Promise<void>((_resolve, reject) => {
        fail = reject;
        request.resume();
      }),
    { maxBodyBytes: 100_000 },
  );
  const server = createServer((request, response) => {
    Promise.resolve(wrapped(request, response)).catch(() => response.stream.close());
  });
  const session = connect(`http://127.0.0.1:${await listenOnLoopback(server)}`);
  onTestFinished(() => session.destroy());
  const send = (id: string, body: string) => {
    const stream = post(session, id);
    stream.end(body);
    return stream;
  };
  const id = newCallId();
  const first = send(id, 'x');
  await vi.waitFor(async () => {
    expect(await responseOf(send(id, 'x'))).toMatchObject({ status: 409, idempotency: 'running' });
  });
  fail(new Error('No more paper'));
  await new Promise((resolve) => first.once('close', resolve));
  expect(await responseOf(send(id, 'x'))).toMatchObject({ status: 409, idempotency: 'unknown' });
  expect(await responseOf(send(id, 'y'))).toMatchObject({ status: 422, idempotency: 'mismatch' });
  const large = await responseOf(send(newCallId(), 'x'.repeat(100_001)));
  expect(large).toMatchObject({ status: 413, headers: { 'clerk-not-executed': '1' } });
});
