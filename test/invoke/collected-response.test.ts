/** Calls that read the whole response body, with several attempts in flight. In virtual time. */
import type { BindOptions } from 'binding-clerk';
import type { ServerReply } from 'binding-clerk/testing';
import { describe, expect, test } from 'vitest';
import { joinWorld } from './join-world.js';

/** Bindings whose second attempt starts as a joined attempt, or as a hedge. */
const second: readonly (readonly [string, BindOptions])[] = [
  ['joined', {}],
  ['hedged', { hedge: { afterMs: 30 } }],
];
const stalled: ServerReply = { bodyDelayMs: 60_000 };
const summary = ({ outcomes }: ReturnType<typeof joinWorld>): unknown[] =>
  outcomes.map(({ endpoint, code, verdict }) => [endpoint, code, verdict]);

describe.each(second)('the body of a %s attempt', (_how, bind) => {
  const withSecond = (reply: ServerReply) =>
    joinWorld(2, ({ id }) => (id === 'a' ? { delayMs: 900 } : reply), bind);

  test.each<[string, ServerReply]>([
    ['is slow', { bodyDelayMs: 2_000 }],
    ['stalls', stalled],
  ])('that %s loses against the complete response of the first attempt', async (_what, reply) => {
    const world = withSecond(reply);
    expect(await world.get('/', { timeoutMs: 3_500 })).toMatchObject({ endpoint: 'a', code: 'ok', ms: 902 });
    expect(summary(world)).toEqual([
      ['b', 'SUPERSEDED', 'ignored'],
      ['a', '200', 'success'],
    ]);
    expect([world.pending(), world.ejected]).toEqual([0, []]);
  });

  test('that breaks off leaves the first attempt, which succeeds', async () => {
    const world = withSecond({ behavior: 'truncate', bodyDelayMs: 50 });
    expect(await world.get('/', { timeoutMs: 3_500 })).toMatchObject({ endpoint: 'a', code: 'ok', ms: 902 });
    expect(summary(world)[0]).toEqual(['b', 'ECONNRESET', 'failure']);
    expect(summary(world).at(-1)).toEqual(['a', '200', 'success']);
    expect([world.pending(), world.ejected]).toEqual([0, []]);
  });

  test('that is complete first wins', async () => {
    const world = withSecond({ bodyDelayMs: 50 });
    const { endpoint, code, ms } = await world.get('/', { timeoutMs: 3_500 });
    expect([endpoint, code]).toEqual(['b', 'ok']);
    expect(ms).toBeLessThan(320);
    expect(summary(world)).toEqual([
      ['a', 'SUPERSEDED', 'ignored'],
      ['b', '200', 'success'],
    ]);
    expect(world.pending()).toBe(0);
  });
});

describe('the body of the first attempt, whose headers arrive first,', () => {
  const withFirst = (first: ServerReply, reply: ServerReply) =>
    joinWorld(3, ({ id }) => (id === 'a' ? { delayMs: 300, ...first } : reply));

  test.each<[string, ServerReply]>([
    ['is slow', { bodyDelayMs: 2_000 }],
    ['stalls', stalled],
  ])('loses against a joined response if it %s', async (_what, first) => {
    const world = withFirst(first, { delayMs: 200 });
    const { endpoint, code, ms } = await world.get();
    expect([endpoint, code]).toEqual(['b', 'ok']);
    expect(ms).toBeLessThan(460);
    expect(world.received).toEqual(['a', 'b']);
    expect(world.pending()).toBe(0);
  });

  test('wins if a joined response breaks off', async () => {
    const world = withFirst({ bodyDelayMs: 600 }, { delayMs: 100, behavior: 'truncate', bodyDelayMs: 100 });
    expect(await world.get()).toMatchObject({ endpoint: 'a', code: 'ok', ms: 902 });
    expect(world.received).toEqual(['a', 'b']);
    expect(world.pending()).toBe(0);
  });

  test('is followed by another attempt if it and every other body break off', async () => {
    const cut: ServerReply = { behavior: 'truncate', bodyDelayMs: 100 };
    const world = joinWorld(3, ({ id }) => (id === 'a' ? { delayMs: 300, ...cut } : id === 'b' ? cut : {}));
    expect(await world.get()).toMatchObject({ endpoint: 'c', code: 'ok' });
    expect(world.pending()).toBe(0);
  });
});

test('a failure response of the first attempt does not end a call while a joined body arrives', async () => {
  const world = joinWorld(2, ({ id }) =>
    id === 'a' ? { delayMs: 600, statusCode: 500 } : { bodyDelayMs: 1_000 },
  );
  expect(await world.get()).toMatchObject({ endpoint: 'b', code: 'ok' });
  expect(world.pending()).toBe(0);
});

test('a deferred error response is delivered if the joined body breaks off', async () => {
  const world = joinWorld(2, ({ id }) =>
    id === 'a'
      ? { delayMs: 600, statusCode: 500, body: '"failed"' }
      : { behavior: 'truncate', bodyDelayMs: 1_000 },
  );
  expect(await world.get()).toMatchObject({ code: 'BAD_STATUS' });
  expect(world.pending()).toBe(0);
});

test('an incomplete body loses at the deadline', async () => {
  const world = joinWorld(2, ({ id }) => (id === 'a' ? { behavior: 'hang' } : stalled));
  const { code, ms } = await world.get('/', { timeoutMs: 1_000 });
  expect(code).toBe('DEADLINE_EXCEEDED');
  expect(ms).toBeLessThanOrEqual(1_020);
  expect(world.outcomes.map(({ endpoint, stage }) => [endpoint, stage])).toEqual([
    ['a', 'sent'],
    ['b', 'answered'],
  ]);
  expect(world.pending()).toBe(0);
});

test('an abort ends all attempts, whether or not their bodies arrive', async () => {
  const world = joinWorld(2, ({ id }) => (id === 'a' ? { behavior: 'hang' } : stalled));
  const stop = new AbortController();
  world.runtime.setTimer(() => stop.abort(), 500);
  expect(await world.get('/', { signal: stop.signal })).toMatchObject({ code: 'ABORTED', ms: 500 });
  expect(summary(world)).toEqual([
    ['a', 'ABORTED', 'ignored'],
    ['b', 'ABORTED', 'ignored'],
  ]);
  expect(world.pending()).toBe(0);
});

test('a response of more than 64 KiB is delivered once and in full, whichever attempt sent it', async () => {
  const body = JSON.stringify('x'.repeat(200_000));
  const world = joinWorld(2, ({ id }) => ({ body, delayMs: id === 'a' ? 900 : 0, bodyDelayMs: 100 }));
  expect(await world.binding.text('/')).toBe(body);
  expect(world.outcomes.map(({ endpoint }) => endpoint)).toEqual(['a', 'b']);
  expect(world.pending()).toBe(0);
});

test('a streamed response wins at its headers', async () => {
  const world = joinWorld(2, ({ id }) => (id === 'a' ? { delayMs: 900 } : { bodyDelayMs: 2_000 }));
  const { statusCode, body } = await world.binding.request({ path: '/' });
  expect([statusCode, await body.json()]).toEqual([200, { endpoint: 'b' }]);
  expect(world.pending()).toBe(0);
});
