/** Guarded handlers behind real servers of `node:http2`, by their requests and responses as node:http has them. */
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

async function serving(handler: Handler, options?: AtMostOnceOptions): Promise<ClientHttp2Session> {
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

async function answerOf(stream: ClientHttp2Stream) {
  const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
  return {
    status: headers[':status'],
    once: headers['clerk-idempotency'],
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
  'a body of %d bytes is read, and its answer is given again',
  async (size) => {
    const handler = vi.fn(echo);
    const session = await serving(handler);
    const id = newCallId();
    for (const word of [undefined, 'replayed', 'replayed']) {
      const stream = post(session, id);
      stream.end(Buffer.alloc(size));
      const answer = await answerOf(stream);
      expect(answer).toMatchObject({ status: 201, once: word, body: `got ${size}` });
      expect(answer.headers).toMatchObject({ 'x-order': '7', 'set-cookie': ['a=1', 'b=2'] });
    }
    expect(handler).toHaveBeenCalledTimes(1);
  },
);

test('a request without a body, and one in pieces', async () => {
  const session = await serving(echo);
  const none = session.request({ ':path': '/', 'clerk-call-id': newCallId() });
  expect(await answerOf(none)).toMatchObject({ status: 201, body: 'got 0' });
  const pieces = post(session, newCallId());
  for (let i = 0; i < 20; i++) {
    pieces.write('x'.repeat(5_000));
    await new Promise((resolve) => setImmediate(resolve));
  }
  pieces.end();
  expect(await answerOf(pieces)).toMatchObject({ status: 201, body: 'got 100000' });
});

test.each([constants.NGHTTP2_CANCEL, constants.NGHTTP2_NO_ERROR, constants.NGHTTP2_INTERNAL_ERROR])(
  'a stream that is reset (%d) while its body is read has run nothing',
  async (code) => {
    const handler = vi.fn(echo);
    const store = memoryCalls();
    const begin = vi.spyOn(store, 'begin');
    let came = (): void => undefined;
    const gone: Promise<unknown>[] = [];
    const guarded = atMostOnce(handler, { store });
    const server = createServer((request, response) => {
      request.stream.once('close', () => setImmediate(came));
      gone.push(Promise.resolve(guarded(request, response)));
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
    expect(await answerOf(again)).toMatchObject({ status: 201, body: 'got 5' });
  },
);

test('an answer whose client has left is kept whole, with headers set after that', async () => {
  const handler = vi.fn<Handler>(async (_request, response) => {
    await once(response, 'close');
    response.statusCode = 202;
    response.setHeader('x-order', '7');
    response.write('first,');
    response.end('second');
  });
  const session = await serving(handler);
  const id = newCallId();
  const stream = post(session, id);
  stream.end();
  await vi.waitFor(() => expect(handler).toHaveBeenCalled());
  stream.close(constants.NGHTTP2_CANCEL);
  await vi.waitFor(async () => {
    const again = post(session, id);
    again.end();
    const answer = await answerOf(again);
    expect(answer).toMatchObject({ status: 202, once: 'replayed', body: 'first,second' });
    expect(answer.headers['x-order']).toBe('7');
  });
  expect(handler).toHaveBeenCalledTimes(1);
});

test('while it runs, after it failed, and when it is too large', async () => {
  let fail = (_error: Error): void => undefined;
  const guarded = atMostOnce(
    (request: Http2ServerRequest, _response: Http2ServerResponse) =>
      new Promise<void>((_resolve, reject) => {
        fail = reject;
        request.resume();
      }),
    { maxBodyBytes: 100_000 },
  );
  const server = createServer((request, response) => {
    Promise.resolve(guarded(request, response)).catch(() => response.stream.close());
  });
  const session = connect(`http://127.0.0.1:${await listenOnLoopback(server)}`);
  onTestFinished(() => session.destroy());
  const ask = (id: string, body: string) => {
    const stream = post(session, id);
    stream.end(body);
    return stream;
  };
  const id = newCallId();
  const first = ask(id, 'x');
  await vi.waitFor(async () => {
    expect(await answerOf(ask(id, 'x'))).toMatchObject({ status: 409, once: 'running' });
  });
  fail(new Error('No more paper'));
  await new Promise((resolve) => first.once('close', resolve));
  expect(await answerOf(ask(id, 'x'))).toMatchObject({ status: 409, once: 'unknown' });
  expect(await answerOf(ask(id, 'y'))).toMatchObject({ status: 422, once: 'mismatch' });
  const large = await answerOf(ask(newCallId(), 'x'.repeat(100_001)));
  expect(large).toMatchObject({ status: 413, headers: { 'clerk-not-executed': '1' } });
});
