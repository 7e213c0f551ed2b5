/** A late attempt of a safe or idempotent call continues while others join it. In virtual time. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { Readable } from 'node:stream';
import { describe, expect, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';
import { joinWorld, type Reply } from './join-world.js';

const slow =
  (delayMs: number): Reply =>
  () => ({ delayMs });

describe('a slow GET over healthy servers', () => {
  test.each([
    ['4 s over 4 servers, with the default deadline', 4, 4_000, undefined],
    ['4 s over 4 servers, with a deadline of 4.5 s', 4, 4_000, 4_500],
    ['7 s over 5 servers, with the default deadline', 5, 7_000, undefined],
    ['3 s over 6 servers, with a deadline of 5 s', 6, 3_000, 5_000],
    ['4 s over a single server', 1, 4_000, undefined],
  ])(
    'that takes %s succeeds in every call, and no server is ejected',
    async (_what, servers, delayMs, timeoutMs) => {
      const world = joinWorld(servers, slow(delayMs));
      for (let i = 1; i <= 3; i++) {
        const { code, endpoint, ms } = await world.get('/', timeoutMs === undefined ? {} : { timeoutMs });
        expect([code, endpoint]).toEqual(['ok', 'a']);
        expect(ms).toBeLessThanOrEqual(delayMs + 20);
        expect(world.received.length).toBeLessThanOrEqual(5 * i);
        expect(world.pending()).toBe(0);
      }
      expect(world.ejected).toEqual([]);
    },
  );
});

test('the first attempt wins when it answers first', async () => {
  const world = joinWorld(3, slow(400));
  expect(await world.get()).toMatchObject({ endpoint: 'a', code: 'ok', ms: 402 });
  expect(world.received).toEqual(['a', 'b']);
  expect(world.outcomes.map(({ endpoint, code }) => [endpoint, code])).toEqual([
    ['b', 'SUPERSEDED'],
    ['a', '200'],
  ]);
});

test('a joined 200 wins, and the other attempts are cancelled only then', async () => {
  const world = joinWorld(3, ({ id }) => ({ delayMs: id === 'a' ? 9_000 : 700 }));
  const call = world.get();
  await world.runtime.advance(940);
  expect([world.outcomes, world.pending()]).toEqual([[], 3]);
  expect(await call).toMatchObject({ endpoint: 'b', code: 'ok' });
  expect(world.outcomes.map(({ endpoint, code, verdict }) => [endpoint, code, verdict])).toEqual([
    ['a', 'SUPERSEDED', 'ignored'],
    ['c', 'SUPERSEDED', 'ignored'],
    ['b', '200', 'success'],
  ]);
  expect(world.pending()).toBe(0);
});

describe('an error response of a joined attempt', () => {
  const joined =
    (statusCode: number, first: ReturnType<Reply>): Reply =>
    ({ id }) =>
      id === 'a' ? first : { statusCode };

  test.each([404, 500, 503])('%s does not win while the first attempt runs', async (statusCode) => {
    const world = joinWorld(3, joined(statusCode, { delayMs: 2_000 }));
    expect(await world.get()).toMatchObject({ endpoint: 'a', code: 'ok', ms: 2_002 });
  });

  test('is delivered in full when the first attempt fails', async () => {
    const world = joinWorld(2, joined(404, { delayMs: 2_000, behavior: 'reset-before' }));
    const response = await world.binding.request({ path: '/' });
    expect([response.statusCode, await response.body.json()]).toEqual([404, { endpoint: 'b' }]);
    expect(world.pending()).toBe(0);
  });

  test('is delivered at the deadline when the first attempt never answers', async () => {
    const world = joinWorld(2, joined(404, { behavior: 'hang' }));
    const response = await world.binding.request({ path: '/', timeoutMs: 1_000 });
    expect([response.statusCode, await response.body.json()]).toEqual([404, { endpoint: 'b' }]);
    expect(world.pending()).toBe(0);
  });

  test('does not win against an endpoint that was frozen and ejected, and answers before the deadline', async () => {
    const world = joinWorld(4, joined(503, {}));
    world.cluster.pause('a');
    world.runtime.setTimer(() => world.cluster.resume('a'), 3_000);
    expect(await world.get()).toMatchObject({ endpoint: 'a', code: 'ok' });
    expect(world.ejected).toEqual(['a']);
  });

  test('404 is delivered soon after the first endpoint, which froze, is ejected', async () => {
    const world = joinWorld(4, joined(404, {}));
    world.cluster.pause('a');
    const { code, ms } = await world.get();
    expect([code, world.ejected]).toEqual(['BAD_STATUS', ['a']]);
    expect(ms).toBeGreaterThan(1_000);
    expect(ms).toBeLessThan(1_600);
  });

  test('is delivered at once when the first attempt was the probe of an ejected endpoint', async () => {
    const world = joinWorld(4, joined(404, {}));
    world.cluster.pause('a');
    await world.get();
    expect(world.ejected).toEqual(['a']);
    world.outcomes.splice(0);
    const times: number[] = [];
    for (let i = 0; i < 100; i++) {
      times.push((await world.get()).ms);
      await world.runtime.advance(100);
    }
    expect(world.outcomes.filter(({ endpoint }) => endpoint === 'a').length).toBeGreaterThan(0);
    expect(Math.max(...times)).toBeLessThanOrEqual(20 + 5);
  });

  test('is delivered with a body that had to be paused', async () => {
    const body = 'x'.repeat(200_000);
    const world = joinWorld(2, ({ id }) =>
      id === 'a' ? { delayMs: 2_000, behavior: 'reset-before' } : { statusCode: 404, body },
    );
    const response = await world.binding.request({ path: '/' });
    expect([response.statusCode, await response.body.text()]).toEqual([404, body]);
    expect(world.pending()).toBe(0);
    // Without a stream the body is read to its end too.
    const error = await clerkErrorOf(world.binding.text('/'));
    expect(error).toMatchObject({ code: 'BAD_STATUS', statusCode: 404 });
    expect(world.pending()).toBe(0);
  });

  test('ends the call once if the handler throws while the response is still arriving', async () => {
    const world = joinWorld(2, ({ id }) =>
      id === 'a'
        ? { delayMs: 2_000, behavior: 'reset-before' }
        : { statusCode: 404, body: 'x'.repeat(200_000), bodyDelayMs: 3_000 },
    );
    const log: string[] = [];
    const handler = {
      onConnect: () => {},
      onHeaders: () => {
        log.push('headers');
        throw new Error('thrown');
      },
      onData: () => (log.push('data'), true),
      onComplete: () => void log.push('complete'),
      onError: (error: Error) => void log.push(`error ${error.message}`),
    };
    world.clerk.dispatcher.dispatch({ origin: 'http://s.clerk', path: '/', method: 'GET' }, handler);
    await world.runtime.advance(8_000);
    expect(log).toEqual(['headers', 'error thrown']);
    expect(world.pending()).toBe(0);
  });

  test('gives way to an error response of the first attempt', async () => {
    const world = joinWorld(2, ({ id }) => ({
      statusCode: id === 'a' ? 410 : 404,
      delayMs: id === 'a' ? 1_000 : 0,
    }));
    const { statusCode, body } = await world.binding.request({ path: '/' });
    await body.dump();
    expect(statusCode).toBe(410);
  });

  test('ends no attempt: the third attempt that joins then wins', async () => {
    const world = joinWorld(3, ({ id }) =>
      id === 'a' ? { delayMs: 9_000 } : id === 'b' ? { statusCode: 503 } : {},
    );
    const { endpoint, ms } = await world.get();
    expect(endpoint).toBe('c');
    // The third attempt starts at once after the error response, not after another attempt timeout.
    expect(ms).toBeLessThan(270);
  });
});

test('at most three attempts run at a time, and a late joined attempt makes room for a fourth', async () => {
  const world = joinWorld(7, slow(3_000), {}, { autoAdvance: false });
  const call = world.get();
  const counts: number[] = [];
  for (let i = 0; i < 301; i++) {
    await world.runtime.advance(10);
    counts.push(world.pending());
  }
  expect(await call).toMatchObject({ endpoint: 'a', code: 'ok' });
  expect(Math.max(...counts)).toBe(3);
  // Five attempts in all. The first one is never cut.
  expect(world.received).toEqual(['a', 'b', 'c', 'd', 'e']);
  expect(world.outcomes.map(({ endpoint, code }) => [endpoint, code])).toEqual([
    ['b', 'ATTEMPT_TIMEOUT'],
    ['c', 'ATTEMPT_TIMEOUT'],
    ['d', 'SUPERSEDED'],
    ['e', 'SUPERSEDED'],
    ['a', '200'],
  ]);
});

describe('an attempt that is not joined', () => {
  test('a stream body stays where it is', async () => {
    const world = joinWorld(3, slow(2_000));
    const body = Readable.from(['one ', 'two']);
    expect(await world.get('/', { method: 'PUT', body })).toMatchObject({ endpoint: 'a', code: 'ok' });
    expect([world.received, world.ejected]).toEqual([['a'], []]);
  });

  test("a 'once' call is executed by one server, however slow", async () => {
    const world = joinWorld(3, slow(2_000));
    expect(await world.get('/', { method: 'POST' })).toMatchObject({ endpoint: 'a', code: 'ok' });
    expect([world.received, world.ejected]).toEqual([['a'], []]);
  });

  test("a 'once' call whose connection hangs moves to another server before a byte is written", async () => {
    const world = joinWorld(3, slow(0));
    world.cluster.stall('a');
    const { endpoint, code, ms } = await world.get('/', { method: 'POST' });
    expect([endpoint, code]).toEqual(['b', 'ok']);
    expect(ms).toBeLessThanOrEqual(260);
    world.cluster.accept('a');
    await world.runtime.advance(1_000);
    expect(world.received).toEqual(['b']);
  });

  test.each([
    ['the binding', { retries: false } as const, {}],
    ['the request', {}, { retries: false } as const],
  ])('with retries: false of %s one server gets the request', async (_what, bind, options) => {
    const world = joinWorld(3, slow(2_000), bind);
    expect(await world.get('/', options)).toMatchObject({ endpoint: 'a', code: 'ok', ms: 2_002 });
    expect(world.received).toEqual(['a']);
  });

  test('without retry budget the late attempt continues alone and wins', async () => {
    const world = joinWorld(3, slow(2_000), { retries: { budget: { ratio: 0, minPerSecond: 0 } } });
    expect(await world.get()).toMatchObject({ endpoint: 'a', code: 'ok', ms: 2_002 });
    expect([world.received, world.ejected]).toEqual([['a'], []]);
  });

  test('an attempt is not late while less than the attempt timeout has passed since its request was sent', async () => {
    const world = joinWorld(3, slow(100));
    world.cluster.stall('a');
    world.runtime.setTimer(() => world.cluster.accept('a'), 200);
    expect(await world.get()).toMatchObject({ endpoint: 'a', code: 'ok' });
    expect(world.received).toEqual(['a']);
  });
});

describe('call()', () => {
  const start = (kind: 'safe' | 'idempotent' | 'once' | undefined) => {
    const world = joinWorld(3, slow(0));
    const { binding, runtime } = world;
    const log: string[] = [];
    const result = binding.call(
      ({ id }, { signal, attempt }) =>
        new Promise<string>((resolve, reject) => {
          log.push(`${id} started as ${String(attempt)}`);
          signal.addEventListener('abort', () => {
            log.push(`${id} aborted`);
            reject(signal.reason as Error);
          });
          runtime.setTimer(() => resolve(id), id === 'a' ? 2_000 : 100);
        }),
      kind === undefined ? {} : { kind },
    );
    return { world, log, result };
  };

  test.each(['safe', 'idempotent'] as const)(
    'a late function of kind %s runs at two endpoints at once, and the loser is aborted',
    async (kind) => {
      const { world, log, result } = start(kind);
      expect(await result).toBe('b');
      expect(log).toEqual(['a started as 1', 'b started as 2', 'a aborted']);
      expect([world.pending(), world.ejected]).toEqual([0, []]);
    },
  );

  test.each(['once', undefined] as const)('a late function of kind %s runs once', async (kind) => {
    const { world, log, result } = start(kind);
    expect(await result).toBe('a');
    expect(log).toEqual(['a started as 1']);
    expect(world.ejected).toEqual([]);
  });

  test('every run of the function, joined or retried, has the async context of the caller', async () => {
    const world = joinWorld(4, slow(0));
    const { binding, runtime } = world;
    const context = new AsyncLocalStorage<string>();
    const seen: string[] = [];
    const run = (): Promise<string[]> =>
      binding.call(
        async ({ id }) => {
          seen.push(`${String(context.getStore())} ${id}`);
          if (id === 'b') throw new Error('failed');
          await new Promise<void>((resolve) => runtime.setTimer(resolve, id === 'a' ? 2_000 : 10));
          return [];
        },
        { kind: 'safe' },
      );
    await Promise.all([context.run('first', run), context.run('second', run)]);
    expect(seen.sort()).toEqual(['first a', 'first b', 'first c', 'second a', 'second b', 'second c']);
  });
});

describe('the end of a call with three attempts in flight', () => {
  const startThree = async () => {
    const world = joinWorld(3, () => ({ behavior: 'hang' }), {}, { autoAdvance: false });
    const stop = new AbortController();
    const call = world.get('/', { signal: stop.signal });
    await world.runtime.advance(600);
    expect([world.pending(), world.received]).toEqual([3, ['a', 'b', 'c']]);
    return { world, stop, call };
  };

  test('an abort ends all of them', async () => {
    const { world, stop, call } = await startThree();
    stop.abort();
    expect(await call).toMatchObject({ code: 'ABORTED', ms: 600 });
    expect(world.pending()).toBe(0);
    expect(world.outcomes.map(({ code, verdict }) => [code, verdict])).toEqual(
      [1, 2, 3].map(() => ['ABORTED', 'ignored']),
    );
  });

  test('destroy() of the clerk ends all of them', async () => {
    const { world, call } = await startThree();
    await world.clerk.destroy();
    expect(await call).toMatchObject({ code: 'CLERK_CLOSED', ms: 600 });
    expect(world.pending()).toBe(0);
    await world.runtime.advance(1);
    expect(world.runtime.pendingTimers).toBe(0);
  });

  test('the deadline ends all of them', async () => {
    const world = joinWorld(3, () => ({ behavior: 'hang' }));
    const { code, ms } = await world.get('/', { timeoutMs: 800 });
    expect(code).toBe('DEADLINE_EXCEEDED');
    expect(ms).toBeLessThanOrEqual(820);
    expect(world.pending()).toBe(0);
  });

  test('an abort of a call() aborts all runs of its function', async () => {
    const { binding, runtime, pending } = joinWorld(3, slow(0), {}, { autoAdvance: false });
    const signals: AbortSignal[] = [];
    const stop = new AbortController();
    const call = binding
      .call(
        (_endpoint, { signal }) => {
          signals.push(signal);
          return new Promise<never>(() => {});
        },
        { kind: 'safe', signal: stop.signal },
      )
      .catch((error: unknown) => (error as { code: string }).code);
    await runtime.advance(600);
    expect(signals.map(({ aborted }) => aborted)).toEqual([false, false, false]);
    stop.abort();
    expect(await call).toBe('ABORTED');
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, true]);
    expect(pending()).toBe(0);
  });
});
