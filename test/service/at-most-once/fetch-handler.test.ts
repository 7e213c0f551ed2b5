/**
 * Fetch-style handlers: the request is unchanged, the response is streamed, and an abandoned response is read
 * to its end.
 */
import { expect, test } from 'vitest';
import { callId, guardedService } from './guarded-service.js';

/** A body whose chunks are written by the test. */
function chunkedBody() {
  let controller!: ReadableStreamDefaultController<Uint8Array>;
  let cancelled: unknown;
  const body = new ReadableStream<Uint8Array>({
    start: (given) => void (controller = given),
    cancel: (reason) => void (cancelled = reason ?? 'cancelled'),
  });
  return {
    body,
    write: (text: string) => controller.enqueue(Buffer.from(text)),
    end: () => controller.close(),
    fail: (error: Error) => controller.error(error),
    get cancelled() {
      return cancelled;
    },
  };
}

test('the handler gets the original request with an unread body', async () => {
  const world = guardedService();
  const observed: unknown[] = [];
  world.handler = async (request) => {
    observed.push(request.bodyUsed, request.method, request.headers.get('x'), await request.text());
    return new Response(null, { status: 204 });
  };
  const id = callId(world.now());
  expect(await world.call({ id, body: 'hello' })).toMatchObject({ status: 204, body: '' });
  expect(await world.call({ id, body: 'hello' })).toMatchObject({ status: 204, idempotency: 'replayed' });
  expect(observed).toEqual([false, 'POST', null, 'hello']);
});

test('a chunked body is buffered before the handler runs; an incomplete one runs nothing', async () => {
  const world = guardedService();
  const id = callId(world.now());
  const complete = chunkedBody();
  const response = world.call({ id, body: complete.body });
  complete.write('a');
  await world.runtime.advance(0);
  expect(world.runs).toEqual([]);
  complete.write('b');
  complete.end();
  expect(await response).toMatchObject({ body: 'response to ab' });

  const incomplete = chunkedBody();
  const rejected = world.call({ id: callId(world.now(), 2), body: incomplete.body });
  incomplete.write('a');
  incomplete.fail(new Error('reset'));
  expect(await rejected).toMatchObject({ status: 400, notExecuted: '1' });
  expect(world.runs).toEqual(['ab']);
  expect(await world.call({ id: callId(world.now(), 2), body: 'complete' })).toMatchObject({ status: 201 });
});

test('a body that is too large is not read further', async () => {
  const world = guardedService({ maxBodyBytes: 3 });
  const endless = chunkedBody();
  const rejected = world.call({ body: endless.body });
  endless.write('abcd');
  expect(await rejected).toMatchObject({ status: 413, notExecuted: '1' });
  await world.runtime.advance(0);
  expect(endless.cancelled).toBeDefined();
});

test('a response is streamed, and replayed once complete', async () => {
  const world = guardedService();
  const source = chunkedBody();
  world.handler = () =>
    new Response(source.body, { status: 200, statusText: 'Fine', headers: { 'x-order': '7' } });
  const id = callId(world.now());
  const first = await world.callRaw({ id });
  expect([first.status, first.statusText, first.headers.get('x-order')]).toEqual([200, 'Fine', '7']);
  const reader = first.body!.getReader();
  source.write('a');
  expect(Buffer.from((await reader.read()).value).toString()).toBe('a');
  expect(await world.call({ id })).toMatchObject({ status: 409, idempotency: 'running' });
  source.write('b');
  source.end();
  await reader.read();
  expect((await reader.read()).done).toBe(true);
  expect(await world.call({ id })).toMatchObject({ status: 200, idempotency: 'replayed', body: 'ab' });
});

test('a response that fails midway is unknown', async () => {
  const world = guardedService();
  const source = chunkedBody();
  world.handler = () => new Response(source.body);
  const id = callId(world.now());
  const first = world.call({ id });
  source.write('a');
  source.fail(new Error('No more paper'));
  await expect(first).rejects.toThrow('No more paper');
  expect(await world.call({ id })).toMatchObject({ status: 409, idempotency: 'unknown' });
});

test('a response abandoned by its client is read to its end', async () => {
  const world = guardedService();
  const source = chunkedBody();
  world.handler = () => new Response(source.body);
  const id = callId(world.now());
  const first = await world.callRaw({ id });
  source.write('a');
  await first.body!.cancel();
  expect(await world.call({ id })).toMatchObject({ idempotency: 'running' });
  source.write('b');
  source.end();
  await world.runtime.advance(0);
  expect(await world.call({ id })).toMatchObject({ status: 200, idempotency: 'replayed', body: 'ab' });
  expect(world.runtime.pendingTimers).toBe(0);
});

test('an abandoned response is read for a limited time and up to the stored size', async () => {
  const world = guardedService({ maxResponseBytes: 10 });
  for (const [number, text] of [
    [1, 'short'],
    [2, 'x'.repeat(11)],
  ] as const) {
    const source = chunkedBody();
    world.handler = () => new Response(source.body);
    const id = callId(world.now(), number);
    const first = await world.callRaw({ id });
    await first.body!.cancel('left');
    source.write(text);
    await world.runtime.advance(text === 'short' ? 60_000 : 0);
    expect(source.cancelled).toBe('left');
    expect(await world.call({ id })).toMatchObject({ status: 409, idempotency: 'unknown' });
  }
});

test('a value that is not a usable response is returned unchanged, and the call is unknown', async () => {
  const world = guardedService();
  const locked = new Response('x');
  locked.body!.getReader();
  const used = new Response('x');
  await used.text();
  for (const [number, response] of [undefined, 'text', Response.error(), locked, used].entries()) {
    world.handler = () => response;
    const id = callId(world.now(), number);
    expect(await world.callRaw({ id })).toBe(response);
    expect(await world.call({ id })).toMatchObject({ status: 409, idempotency: 'unknown' });
  }
});

test.each([
  ['authorization', ['Bearer mallory', 'Bearer alic', '', undefined]],
  ['x-principal', ['/shop/mallory', undefined]],
])('another sender by %s gets no stored response; the same sender does', async (header, others) => {
  const world = guardedService();
  const id = callId(world.now());
  const send = (value?: string) =>
    world.call({ id, body: 'pay', ...(value !== undefined && { headers: { [header]: value } }) });
  expect(await send('Bearer alice')).toMatchObject({ status: 201, body: 'response to pay' });
  for (const other of others) {
    const response = await send(other);
    expect(response).toMatchObject({ status: 422, idempotency: 'mismatch' });
    expect(response.body).not.toContain('response to');
  }
  expect(await send('Bearer alice')).toMatchObject({ idempotency: 'replayed', body: 'response to pay' });
  expect(world.runs).toEqual(['pay']);
});
