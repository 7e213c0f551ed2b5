/** Fetch-style handlers: requests stay what they were, answers stream, and what nobody reads any more is read on. */
import { expect, test } from 'vitest';
import { callId, guardedService } from './guarded-service.js';

/** A body that is written piece by piece. */
function piecemeal() {
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

test('the handler gets the request itself, with its body unread', async () => {
  const world = guardedService();
  const seen: unknown[] = [];
  world.handler = async (request) => {
    seen.push(request.bodyUsed, request.method, request.headers.get('x'), await request.text());
    return new Response(null, { status: 204 });
  };
  const id = callId(world.now());
  expect(await world.call({ id, body: 'hello' })).toMatchObject({ status: 204, body: '' });
  expect(await world.call({ id, body: 'hello' })).toMatchObject({ status: 204, once: 'replayed' });
  expect(seen).toEqual([false, 'POST', null, 'hello']);
});

test('a body that comes in pieces is waited for; one that breaks off has run nothing', async () => {
  const world = guardedService();
  const id = callId(world.now());
  const whole = piecemeal();
  const answer = world.call({ id, body: whole.body });
  whole.write('a');
  await world.runtime.advance(0);
  expect(world.runs).toEqual([]);
  whole.write('b');
  whole.end();
  expect(await answer).toMatchObject({ body: 'answer to ab' });

  const cut = piecemeal();
  const refused = world.call({ id: callId(world.now(), 2), body: cut.body });
  cut.write('a');
  cut.fail(new Error('reset'));
  expect(await refused).toMatchObject({ status: 400, notExecuted: '1' });
  expect(world.runs).toEqual(['ab']);
  expect(await world.call({ id: callId(world.now(), 2), body: 'whole' })).toMatchObject({ status: 201 });
});

test('a body that is too large is read no further', async () => {
  const world = guardedService({ maxBodyBytes: 3 });
  const endless = piecemeal();
  const refused = world.call({ body: endless.body });
  endless.write('abcd');
  expect(await refused).toMatchObject({ status: 413, notExecuted: '1' });
  await world.runtime.advance(0);
  expect(endless.cancelled).toBeDefined();
});

test('an answer goes out while it is written, and is known when it is whole', async () => {
  const world = guardedService();
  const source = piecemeal();
  world.handler = () =>
    new Response(source.body, { status: 200, statusText: 'Fine', headers: { 'x-order': '7' } });
  const id = callId(world.now());
  const first = await world.callRaw({ id });
  expect([first.status, first.statusText, first.headers.get('x-order')]).toEqual([200, 'Fine', '7']);
  const reader = first.body!.getReader();
  source.write('a');
  expect(Buffer.from((await reader.read()).value).toString()).toBe('a');
  expect(await world.call({ id })).toMatchObject({ status: 409, once: 'running' });
  source.write('b');
  source.end();
  await reader.read();
  expect((await reader.read()).done).toBe(true);
  expect(await world.call({ id })).toMatchObject({ status: 200, once: 'replayed', body: 'ab' });
});

test('an answer that fails midway is unknown', async () => {
  const world = guardedService();
  const source = piecemeal();
  world.handler = () => new Response(source.body);
  const id = callId(world.now());
  const first = world.call({ id });
  source.write('a');
  source.fail(new Error('No more paper'));
  await expect(first).rejects.toThrow('No more paper');
  expect(await world.call({ id })).toMatchObject({ status: 409, once: 'unknown' });
});

test('an answer whose client has left is read to its end', async () => {
  const world = guardedService();
  const source = piecemeal();
  world.handler = () => new Response(source.body);
  const id = callId(world.now());
  const first = await world.callRaw({ id });
  source.write('a');
  await first.body!.cancel();
  expect(await world.call({ id })).toMatchObject({ once: 'running' });
  source.write('b');
  source.end();
  await world.runtime.advance(0);
  expect(await world.call({ id })).toMatchObject({ status: 200, once: 'replayed', body: 'ab' });
  expect(world.runtime.pendingTimers).toBe(0);
});

test('but not for ever, and not beyond what is kept', async () => {
  const world = guardedService({ maxResponseBytes: 10 });
  for (const [number, text] of [
    [1, 'short'],
    [2, 'x'.repeat(11)],
  ] as const) {
    const source = piecemeal();
    world.handler = () => new Response(source.body);
    const id = callId(world.now(), number);
    const first = await world.callRaw({ id });
    await first.body!.cancel('left');
    source.write(text);
    await world.runtime.advance(text === 'short' ? 60_000 : 0);
    expect(source.cancelled).toBe('left');
    expect(await world.call({ id })).toMatchObject({ status: 409, once: 'unknown' });
  }
});

test('what is no answer passes as it is, and is unknown', async () => {
  const world = guardedService();
  const locked = new Response('x');
  locked.body!.getReader();
  const used = new Response('x');
  await used.text();
  for (const [number, answer] of [undefined, 'text', Response.error(), locked, used].entries()) {
    world.handler = () => answer;
    const id = callId(world.now(), number);
    expect(await world.callRaw({ id })).toBe(answer);
    expect(await world.call({ id })).toMatchObject({ status: 409, once: 'unknown' });
  }
});
