import { getEventListeners } from 'node:events';
import { expect, test } from 'vitest';
import { parseAddress } from '../../src/core/address.js';
import { isClerkError } from '../../src/core/errors.js';
import { BodyCollector } from '../../src/invoke/body-collector.js';

const text = (signal?: AbortSignal): BodyCollector<string> =>
  new BodyCollector('/shop/orders', (body) => body.toString(), signal, 20_000);
const never = (): void => {};

test('a body in chunks is concatenated once it is complete', async () => {
  for (const chunks of [[], ['one'], ['one ', 'two ', 'three']]) {
    const collector = text();
    collector.onConnect(never);
    collector.onHeaders(103);
    collector.onHeaders(200);
    for (const chunk of chunks) collector.onData(Buffer.from(chunk));
    let settled = false;
    void collector.promise.then(() => (settled = true));
    await Promise.resolve();
    expect(settled).toBe(false);
    collector.onComplete();
    await expect(collector.promise).resolves.toBe(chunks.join(''));
  }
});

test('a character split between two chunks stays intact', async () => {
  const collector = text();
  collector.onHeaders(200);
  const bytes = Buffer.from('größe');
  collector.onData(bytes.subarray(0, 3));
  collector.onData(bytes.subarray(3));
  collector.onComplete();
  await expect(collector.promise).resolves.toBe('größe');
});

test('a status ≥ 400 rejects with the start of the body', async () => {
  for (const [status, rejects] of [
    [200, false],
    [204, false],
    [304, false],
    [399, false],
    [400, true],
    [404, true],
    [503, true],
  ] as const) {
    const collector = text();
    collector.onHeaders(status);
    collector.onData(Buffer.from('x'.repeat(5_000)));
    collector.onComplete();
    if (!rejects) {
      await expect(collector.promise).resolves.toHaveLength(5_000);
      continue;
    }
    await expect(collector.promise).rejects.toMatchObject({
      code: 'BAD_STATUS',
      execution: 'done',
      statusCode: status,
      bodyText: 'x'.repeat(4_096),
      message: expect.stringMatching(`^/shop/orders .*received status ${status}$`),
    });
  }
});

test.each([
  [401, 'TICKET_REFUSED', 'TICKET_REFUSED'],
  [403, 'FORBIDDEN', 'FORBIDDEN'],
  [403, 'TICKET_REFUSED', 'BAD_STATUS'],
  [401, 'IDENTITY_INVALID', 'BAD_STATUS'],
  [503, 'TICKET_REFUSED', 'BAD_STATUS'],
])(
  'a call with the status %i and the code %s that did not run has the code %s',
  async (status, code, expected) => {
    for (const [isNotExecuted, execution] of [
      [true, 'none'],
      [false, 'done'],
    ] as const) {
      const collector = text();
      collector.startResponse(parseAddress('http://127.0.0.1:1'), 'none');
      collector.onHeaders(status, isNotExecuted ? [Buffer.from('clerk-not-executed'), Buffer.from('1')] : []);
      collector.onData(Buffer.from(JSON.stringify({ error: { code, message: 'The ticket has expired' } })));
      collector.onComplete();
      await expect(collector.promise).rejects.toMatchObject({
        code: isNotExecuted ? expected : 'BAD_STATUS',
        execution,
        message: expect.stringMatching(
          isNotExecuted
            ? /; the service did not execute the request: The ticket has expired$/
            : /status \d+$/,
        ),
      });
    }
  },
);

test('the start of the body is limited in characters, not bytes', async () => {
  const collector = text();
  collector.onHeaders(500);
  collector.onData(Buffer.from('€'.repeat(5_000)));
  collector.onComplete();
  await expect(collector.promise).rejects.toMatchObject({ bodyText: '€'.repeat(4_096) });
});

test('an error of the parser rejects', async () => {
  const collector = new BodyCollector(
    '/shop/orders',
    (body) => JSON.parse(body.toString()) as unknown,
    undefined,
    1_000,
  );
  collector.onHeaders(200);
  collector.onData(Buffer.from('{'));
  collector.onComplete();
  await expect(collector.promise).rejects.toThrow(SyntaxError);
});

test('after a restart only the second response counts', async () => {
  const collector = text();
  collector.onHeaders(500);
  collector.onData(Buffer.from('first'));
  collector.onData(Buffer.from('half'));
  collector.restart();
  collector.onHeaders(200);
  collector.onData(Buffer.from('second'));
  collector.onComplete();
  await expect(collector.promise).resolves.toBe('second');
});

test('the signal aborts the call with its reason, and its listener is removed at the end', async () => {
  const reason = new Error('no longer needed');
  const controller = new AbortController();
  const aborts: unknown[] = [];
  const collector = text(controller.signal);
  collector.onConnect((error) => aborts.push(error));
  expect(getEventListeners(controller.signal, 'abort')).toHaveLength(1);
  controller.abort(reason);
  expect(aborts).toEqual([reason]);
  collector.onError(new Error('aborted'));
  await expect(collector.promise).rejects.toThrow('aborted');

  const ends: ((collector: BodyCollector<string>) => void)[] = [
    (one) => one.onComplete(),
    (one) => one.onError(new Error('broken')),
    (one) => one.onUpgrade(),
  ];
  for (const end of ends) {
    const other = new AbortController();
    const one = text(other.signal);
    one.onConnect(() => aborts.push('late'));
    end(one);
    expect(getEventListeners(other.signal, 'abort')).toEqual([]);
    other.abort();
    await one.promise.catch(never);
  }
  expect(aborts).toHaveLength(1);
});

test('an already aborted signal aborts the call at once', () => {
  const aborts: unknown[] = [];
  text(AbortSignal.abort('gone')).onConnect((error) => aborts.push(error));
  expect(aborts).toEqual(['gone']);
});

test('an upgrade instead of a body is a CONFIG_INVALID error', async () => {
  const collector = text();
  collector.onUpgrade();
  const error: unknown = await collector.promise.catch((thrown: unknown) => thrown);
  expect(isClerkError(error) && error.code).toBe('CONFIG_INVALID');
});

test('a body above the size limit throws, an error body is only cut', () => {
  const collector = text();
  collector.onHeaders(200);
  collector.onData(Buffer.alloc(20_000));
  expect(() => collector.onData(Buffer.alloc(1))).toThrow(
    expect.objectContaining({ code: 'BODY_TOO_LARGE', execution: 'done' }),
  );
  collector.restart();
  collector.onHeaders(500);
  for (let i = 0; i < 10; i++) expect(collector.onData(Buffer.alloc(20_000))).toBe(true);
  collector.restart();
  collector.onHeaders(200);
  expect(collector.onData(Buffer.alloc(20_000))).toBe(true);
  collector.promise.catch(() => undefined);
});
