/** What becomes of a call with an id, rule by rule, in virtual time. */
import { describe, expect, test } from 'vitest';
import { memoryCalls, type IdempotencyStore } from 'binding-clerk/service';
import { faultyStore, callId, guardedService, type CallInit } from './guarded-service.js';

const hour = 3_600_000;
const day = 24 * hour;
const notRun = { notExecuted: '1' };

/** A promise, and what settles it. */
function gate<T = void>(): { readonly opened: Promise<T>; readonly open: (value: T) => void } {
  let open = (_value: T): void => undefined;
  const opened = new Promise<T>((resolve) => (open = resolve));
  return { opened, open };
}

function sharedMemory(): IdempotencyStore {
  const memory = memoryCalls();
  return {
    isDurable: true,
    scope: 'orders-memory',
    begin: (call) => memory.begin(call),
    end: (id, how) => memory.end(id, how),
    withdraw: (id) => memory.withdraw(id),
    expire: (bornBefore) => memory.expire(bornBefore),
  };
}

function durableMemory(memory = memoryCalls()): IdempotencyStore {
  return {
    ...sharedMemory(),
    scope: undefined,
    begin: (call) => memory.begin(call),
    end: (id, how) => memory.end(id, how),
    withdraw: (id) => memory.withdraw(id),
    expire: (bornBefore) => memory.expire(bornBefore),
  };
}

test('a call without an id runs as often as it comes, whatever else it carries', async () => {
  const world = guardedService();
  for (let i = 0; i < 3; i++) {
    const answer = await world.call({ id: '', instance: 'nonsense' });
    expect(answer).toMatchObject({ status: 201, once: undefined, body: 'answer to one' });
  }
  expect(world.runs).toHaveLength(3);
});

test('a call runs once; its repeats get its answer, and say that it is one', async () => {
  const world = guardedService();
  world.handler = async () =>
    new Response('made', {
      status: 202,
      headers: [
        ['set-cookie', 'a=1'],
        ['set-cookie', 'b=2'],
        ['x-order', '7'],
        ['connection', 'keep-alive, x-hop'],
        ['x-hop', '1'],
        ['date', 'yesterday'],
        ['endpoint-load-metrics', 'TEXT application_utilization=0.9'],
      ],
    });
  const id = callId(world.now());
  const first = await world.call({ id });
  expect(first).toMatchObject({ status: 202, once: undefined, notExecuted: undefined, body: 'made' });
  expect(first.headers.get('x-hop')).toBe('1');
  for (let i = 0; i < 3; i++) {
    const again = await world.call({ id });
    expect(again).toMatchObject({ status: 202, once: 'replayed', notExecuted: undefined, body: 'made' });
    expect(again.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(again.headers.get('x-order')).toBe('7');
    for (const gone of ['connection', 'x-hop', 'date', 'endpoint-load-metrics'])
      expect(again.headers.has(gone), gone).toBe(false);
  }
  expect(world.runs).toEqual(['one']);
});

test.each([
  '\t',
  'x',
  '1800000000000',
  `1800000000000-${'0'.repeat(31)}`,
  `1800000000000-${'0'.repeat(33)}`,
  `1800000000000-${'A'.repeat(32)}`,
  `180000000000-${'0'.repeat(32)}`,
  `180000000000000-${'0'.repeat(32)}`,
  `${callId(1_800_000_000_000)}, ${callId(1_800_000_000_000)}`,
  `-180000000000-${'0'.repeat(32)}`,
  `1e12000000000-${'0'.repeat(32)}`,
])('the id %j is refused, and told what form it must have', async (id) => {
  const world = guardedService();
  const answer = await world.call({ id });
  expect(answer).toMatchObject({ status: 400, ...notRun, once: undefined });
  expect(answer.headers.get('content-type')).toBe('application/json');
  expect(JSON.parse(answer.body)).toMatchObject({
    error: { code: 'CONFIG_INVALID', message: expect.stringContaining('32 hexadecimal digits') as string },
  });
  expect(world.runs).toEqual([]);
});

test.each([
  'x',
  'a b c',
  'a -1',
  'a 1.5',
  'a 01',
  'a 99999999999999999',
  'a',
  `${'i'.repeat(129)} 1`,
  'a 1, a 1',
])('the instance %j is refused', async (instance) => {
  const world = guardedService();
  expect(await world.call({ instance })).toMatchObject({ status: 400, ...notRun });
  expect(world.runs).toEqual([]);
});

describe('another call with the same id', () => {
  test.each<[string, CallInit]>([
    ['method', { method: 'PUT' }],
    ['target', { target: '/orders?a=2' }],
    ['content-type', { type: 'application/json' }],
    ['body', { body: 'two' }],
    ['absence of a body', { body: null }],
  ])('is known by its %s, while it runs and afterwards', async (_, other) => {
    const world = guardedService();
    const { opened, open } = gate();
    world.handler = async () => {
      await opened;
      return new Response('done');
    };
    const id = callId(world.now());
    const first = world.call({ id, type: 'text/plain' });
    await world.runtime.advance(0);
    const mismatch = { status: 422, once: 'mismatch' };
    expect(await world.call({ type: 'text/plain', ...other, id })).toMatchObject(mismatch);
    open();
    await first;
    expect(await world.call({ type: 'text/plain', ...other, id })).toMatchObject(mismatch);
    expect(await world.call({ type: 'text/plain', id })).toMatchObject({ status: 200, once: 'replayed' });
    expect(world.runs).toHaveLength(1);
  });

  test('cannot shift bytes between its parts', async () => {
    const world = guardedService();
    const id = callId(world.now());
    await world.call({ id, target: '/ab', type: 'c', body: 'd' });
    expect(await world.call({ id, target: '/a', type: 'bc', body: 'd' })).toMatchObject({ status: 422 });
    expect(await world.call({ id, target: '/ab', type: 'cd', body: '' })).toMatchObject({ status: 422 });
  });
});

test('while it runs a repeat is told so, and when to ask again', async () => {
  const world = guardedService();
  const { opened, open } = gate();
  world.handler = async () => {
    await opened;
    return new Response('done');
  };
  const id = callId(world.now());
  const first = world.call({ id });
  for (let i = 0; i < 3; i++) {
    await world.runtime.advance(0);
    const answer = await world.call({ id });
    expect(answer).toMatchObject({ status: 409, once: 'running', notExecuted: undefined });
    expect(answer.headers.get('retry-after')).toBe('1');
  }
  open();
  expect(await first).toMatchObject({ status: 200, once: undefined });
  expect(await world.call({ id })).toMatchObject({ status: 200, once: 'replayed', body: 'done' });
  expect(world.runs).toHaveLength(1);
});

test('a handler that throws is not run again, and its error is its own', async () => {
  const world = guardedService();
  const error = new Error('No more paper');
  world.handler = () => {
    throw error;
  };
  const id = callId(world.now());
  await expect(world.call({ id })).rejects.toBe(error);
  expect(await world.call({ id })).toMatchObject({ status: 409, once: 'unknown', notExecuted: undefined });
  expect(world.runs).toHaveLength(1);
});

describe('the age of an id', () => {
  test('is bounded by the window', async () => {
    const world = guardedService({ windowMs: hour });
    await world.runtime.advance(2 * hour);
    const expired = { status: 410, once: 'expired', ...notRun };
    expect(await world.call({ id: callId(world.now() - hour - 1) })).toMatchObject(expired);
    expect(await world.call({ id: callId(world.now() + 300_001) })).toMatchObject(expired);
    expect(world.runs).toEqual([]);
    expect(await world.call({ id: callId(world.now() - hour) })).toMatchObject({ status: 201 });
    expect(await world.call({ id: callId(world.now() + 300_000) })).toMatchObject({ status: 201 });
    expect(await world.call({ id: `00000000000001-${'0'.repeat(32)}` })).toMatchObject(expired);
    expect(await world.call({ id: `99999999999999-${'0'.repeat(32)}` })).toMatchObject(expired);
  });

  test('is a day unless said otherwise', async () => {
    const world = guardedService();
    const id = callId(world.now());
    await world.call({ id });
    await world.runtime.advance(day);
    expect(await world.call({ id })).toMatchObject({ once: 'replayed' });
    await world.runtime.advance(1);
    expect(await world.call({ id })).toMatchObject({ status: 410, once: 'expired' });
    expect(world.runs).toHaveLength(1);
  });

  test('what was forgotten stays refused when the clock is set back', async () => {
    const world = guardedService({ windowMs: hour });
    const id = callId(world.now());
    await world.call({ id });
    await world.runtime.advance(3 * hour);
    await world.call(); // forgets
    world.runtime.shiftWallClock(-3 * hour);
    expect(await world.call({ id })).toMatchObject({ status: 410, once: 'expired' });
    expect(world.runs).toHaveLength(2);
  });

  test('a clock that jumps ahead for a while costs no memory', async () => {
    const store = memoryCalls();
    const world = guardedService({ windowMs: hour, store });
    const id = callId(world.now());
    await world.call({ id });
    world.runtime.shiftWallClock(day);
    for (let i = 0; i < 5; i++) {
      await world.runtime.advance(hour / 10);
      await world.call();
    }
    world.runtime.shiftWallClock(-day);
    expect(await world.call({ id })).toMatchObject({ status: 201, once: 'replayed' });
  });

  test('a clock that was set right is believed after a window', async () => {
    const world = guardedService({ windowMs: hour, store: memoryCalls({ maxCalls: 10 }) });
    for (let i = 0; i < 8; i++) await world.call({ id: callId(world.now(), i) });
    world.runtime.shiftWallClock(365 * day);
    await world.call({ id: callId(world.now(), 100) });
    await world.runtime.advance(hour);
    await world.call({ id: callId(world.now(), 101) });
    await world.runtime.advance(hour);
    for (let i = 0; i < 8; i++)
      expect(await world.call({ id: callId(world.now(), i) })).toMatchObject({ status: 201 });
  });
});

describe('a memory that is full', () => {
  test('refuses what is new, answers what is known, and has room again after the window', async () => {
    const world = guardedService({ windowMs: hour, store: memoryCalls({ maxCalls: 2 }) });
    const ids = [1, 2, 3].map((number) => callId(world.now(), number));
    await world.call({ id: ids[0] as string });
    await world.call({ id: ids[1] as string });
    for (let i = 0; i < 2; i++) {
      const refused = await world.call({ id: ids[2] as string });
      expect(refused).toMatchObject({ status: 503, ...notRun, once: undefined });
      expect(refused.headers.get('retry-after')).toBe('10');
      expect(await world.call({ id: ids[0] as string })).toMatchObject({ once: 'replayed' });
    }
    expect(world.runs).toHaveLength(2);
    await world.runtime.advance(hour + 1);
    await world.call();
    expect(await world.call({ id: callId(world.now(), 9) })).toMatchObject({ status: 201 });
  });

  test('drops the oldest answers for new ones, and says of their calls that they ran', async () => {
    const world = guardedService({ store: memoryCalls({ maxBytes: 300 }) });
    world.handler = async () => new Response(Buffer.alloc(100, 'x'));
    const ids = Array.from({ length: 7 }, (_, number) => callId(world.now(), number));
    for (const id of ids) await world.call({ id });
    for (const [i, id] of ids.entries())
      expect(await world.call({ id })).toMatchObject(
        i < 4 ? { status: 409, once: 'unknown' } : { status: 200, once: 'replayed' },
      );
    expect(world.runs).toHaveLength(7);
  });
});

describe('bodies and answers', () => {
  test('a body at the bound runs, one beyond it is refused', async () => {
    const world = guardedService({ maxBodyBytes: 10 });
    expect(await world.call({ body: 'x'.repeat(10) })).toMatchObject({ status: 201 });
    const id = callId(world.now(), 5);
    expect(await world.call({ id, body: 'x'.repeat(11) })).toMatchObject({ status: 413, ...notRun });
    expect(world.runs).toEqual(['x'.repeat(10)]);
    // Nothing is known of what was refused.
    expect(await world.call({ id, body: 'y' })).toMatchObject({ status: 201 });
  });

  test('an answer at the bound is kept, one beyond it is known to have been given', async () => {
    const world = guardedService({ maxResponseBytes: 10 });
    world.handler = async (request) => new Response('x'.repeat(Number(await request.text())));
    const [kept, large] = [callId(world.now(), 1), callId(world.now(), 2)];
    await world.call({ id: kept, body: '10' });
    expect((await world.call({ id: large, body: '11' })).body).toHaveLength(11);
    expect(await world.call({ id: kept, body: '10' })).toMatchObject({
      once: 'replayed',
      body: 'x'.repeat(10),
    });
    const refused = await world.call({ id: large, body: '11' });
    expect(refused).toMatchObject({ status: 409, once: 'unknown', notExecuted: undefined });
    expect(refused.body).toContain('too large');
    expect(world.runs).toHaveLength(2);
  });
});

describe('which life and instance a call is meant for', () => {
  test('a memory of this process serves its own life and refuses earlier ones and others', async () => {
    const world = guardedService();
    world.guard.instanceEpochs.add('orders-1', 7);
    world.guard.instanceEpochs.add('orders-1', 9); // registered again
    const elsewhere = { status: 421, once: 'elsewhere', ...notRun };
    let number = 0;
    const id = (): string => callId(world.now(), ++number);
    expect(await world.call({ id: id(), instance: 'orders-1 6' })).toMatchObject(elsewhere);
    expect(await world.call({ id: id(), instance: 'orders-2 7' })).toMatchObject(elsewhere);
    expect(world.runs).toEqual([]);
    for (const instance of ['orders-1 7', 'orders-1 8', 'orders-1 9', 'orders-1 10', undefined])
      expect(await world.call({ id: id(), ...(instance && { instance }) })).toMatchObject({ status: 201 });
  });

  test('a memory that outlives the process serves earlier lives of its instance, and no other instance', async () => {
    const world = guardedService({ store: durableMemory() });
    world.guard.instanceEpochs.add('orders-1', 7);
    expect(await world.call({ instance: 'orders-1 6' })).toMatchObject({ status: 201 });
    expect(await world.call({ id: callId(world.now(), 2), instance: 'orders-2 7' })).toMatchObject({
      status: 421,
      once: 'elsewhere',
      ...notRun,
    });
  });

  test('a shared memory serves whoever it is meant for', async () => {
    const world = guardedService({ store: sharedMemory() });
    world.guard.instanceEpochs.add('orders-1', 7);
    for (const [i, instance] of ['orders-1 6', 'orders-2 7', 'orders-1 7'].entries())
      expect(await world.call({ id: callId(world.now(), i), instance })).toMatchObject({ status: 201 });
  });

  test('an id made before the memory began may have run in an earlier one, unless it names this life', async () => {
    const world = guardedService();
    const early = (number: number): string => callId(world.now() - 1, number);
    const expired = { status: 410, once: 'expired', ...notRun };
    expect(await world.call({ id: early(1) })).toMatchObject(expired);
    expect(await world.call({ id: early(2), instance: 'orders-1 7' })).toMatchObject(expired);
    // Nobody counts lives where the epoch is 0.
    expect(await world.call({ id: early(3), instance: 'orders-1 0' })).toMatchObject({ status: 201 });
    world.guard.instanceEpochs.add('orders-1');
    expect(await world.call({ id: early(4), instance: 'orders-1 7' })).toMatchObject(expired);
    world.guard.instanceEpochs.add('orders-1', 7);
    expect(await world.call({ id: early(5), instance: 'orders-1 7' })).toMatchObject({ status: 201 });
    expect(await world.call({ id: callId(world.now(), 6) })).toMatchObject({ status: 201 });
    expect(await guardedService({ store: durableMemory() }).call({ id: early(7) })).toMatchObject({
      status: 201,
    });
  });
});

describe('what is found running', () => {
  const never = (): Promise<Response> => new Promise(() => undefined);

  test('by an earlier life of this process is unknown', async () => {
    const memory = memoryCalls();
    const before = guardedService({ store: durableMemory(memory), incarnation: 'life-1' });
    before.handler = never;
    const id = callId(before.now());
    void before.callRaw({ id });
    await before.runtime.advance(0);
    expect(await before.call({ id })).toMatchObject({ status: 409, once: 'running' });
    const after = guardedService({ store: durableMemory(memory), incarnation: 'life-2' });
    expect(await after.call({ id })).toMatchObject({ status: 409, once: 'unknown', notExecuted: undefined });
    expect(after.runs).toEqual([]);
  });

  test('in a shared memory is running, unless it was an earlier life of this very instance', async () => {
    const store = sharedMemory();
    const worlds = ['life-1', 'life-2', 'life-3'].map((life) => guardedService({ store, incarnation: life }));
    const [first, sibling, successor] = worlds as [
      (typeof worlds)[0],
      (typeof worlds)[0],
      (typeof worlds)[0],
    ];
    first.guard.instanceEpochs.add('orders-1', 1);
    sibling.guard.instanceEpochs.add('orders-2', 1);
    successor.guard.instanceEpochs.add('orders-1', 2);
    first.handler = never;
    const id = callId(first.now());
    void first.callRaw({ id });
    await first.runtime.advance(0);
    expect(await sibling.call({ id })).toMatchObject({ status: 409, once: 'running' });
    expect(await successor.call({ id })).toMatchObject({ status: 409, once: 'unknown' });
    expect(sibling.runs.concat(successor.runs)).toEqual([]);
  });
});

describe('a store that fails', () => {
  test('lets nothing run that it did not write down, and is complained of once', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    store.fail.add('begin');
    for (let i = 0; i < 3; i++)
      expect(await world.call({ body: 'secret' })).toMatchObject({ status: 503, ...notRun });
    expect(world.runs).toEqual([]);
    expect(world.log.lines).toEqual([expect.stringContaining('begin failed')]);
    store.fail.clear();
    expect(await world.call()).toMatchObject({ status: 201 });
  });

  test('when the end cannot be written the client has its answer, and a repeat runs nothing', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    store.fail.add('end');
    const id = callId(world.now());
    expect(await world.call({ id })).toMatchObject({ status: 201, body: 'answer to one' });
    await world.runtime.advance(0);
    for (let i = 0; i < 2; i++)
      expect(await world.call({ id })).toMatchObject({
        status: 409,
        once: 'unknown',
        notExecuted: undefined,
      });
    expect(world.runs).toHaveLength(1);
    expect(world.log.lines).toEqual([expect.stringContaining('end failed')]);
    expect(world.log.lines.join()).not.toContain('answer to');
  });

  test('what was lost and could not be called that is unknown all the same', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    world.handler = () => Promise.reject(new Error('No more paper'));
    const id = callId(world.now());
    store.fail.add('end');
    await expect(world.call({ id })).rejects.toThrow('No more paper');
    await world.runtime.advance(0);
    expect(await world.call({ id })).toMatchObject({ status: 409, once: 'unknown' });
    expect(world.runs).toHaveLength(1);
  });

  test('a call whose beginning was written and not confirmed is not said to run', async () => {
    const memory = memoryCalls();
    const world = guardedService({
      store: {
        ...durableMemory(memory),
        begin: async (call) => {
          const found = await memory.begin(call);
          if (found.state === 'new') throw new Error('The connection broke');
          return found;
        },
      },
    });
    const id = callId(world.now());
    expect(await world.call({ id })).toMatchObject({ status: 503, ...notRun });
    for (let i = 0; i < 2; i++)
      expect(await world.call({ id })).toMatchObject({
        status: 409,
        once: 'unknown',
        notExecuted: undefined,
      });
    expect(world.runs).toEqual([]);
  });

  test('a call that could not be taken back is not said to run', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    store.fail.add('withdraw');
    const open = store.hold();
    const controller = new AbortController();
    const id = callId(world.now());
    const first = world.call({ id, signal: controller.signal });
    await world.runtime.advance(0);
    controller.abort();
    open();
    expect(await first).toMatchObject({ status: 400, ...notRun });
    expect(await world.call({ id })).toMatchObject({ status: 409, once: 'unknown' });
    expect(world.runs).toEqual([]);
  });

  test('a late word that a call runs is taken for what it is, and not for a call that nobody has', async () => {
    const memory = memoryCalls();
    const late = gate();
    let asked = 0;
    const world = guardedService({
      store: {
        ...durableMemory(memory),
        begin: async (call) => {
          const found = await memory.begin(call);
          if (++asked === 2) await late.opened;
          return found;
        },
      },
    });
    const answering = gate();
    world.handler = async () => {
      await answering.opened;
      return new Response('made');
    };
    const id = callId(world.now());
    const first = world.call({ id });
    await world.runtime.advance(0);
    const second = world.call({ id });
    await world.runtime.advance(0);
    answering.open();
    expect(await first).toMatchObject({ status: 200 });
    await world.runtime.advance(0);
    late.open();
    expect(await second).toMatchObject({ once: 'running' });
    expect(await world.call({ id })).toMatchObject({ once: 'replayed', body: 'made' });
  });

  test('a repeat that hears of a call before it is let go is told that it runs', async () => {
    const memory = memoryCalls();
    const confirmed = gate();
    const world = guardedService({
      store: {
        ...durableMemory(memory),
        begin: async (call) => {
          const found = await memory.begin(call);
          if (found.state === 'new') await confirmed.opened;
          return found;
        },
      },
    });
    const id = callId(world.now());
    const first = world.call({ id });
    await world.runtime.advance(0);
    expect(await world.call({ id })).toMatchObject({ once: 'running' });
    confirmed.open();
    expect(await first).toMatchObject({ status: 201 });
  });

  test('what another handler over the same memory runs is running', async () => {
    const store = durableMemory();
    const [first, second] = [guardedService({ store }), guardedService({ store })];
    first.handler = () => new Promise(() => undefined);
    const id = callId(first.now());
    void first.callRaw({ id });
    await first.runtime.advance(0);
    expect(await second.call({ id })).toMatchObject({ once: 'running' });
    expect(second.runs).toEqual([]);
  });

  test('when it cannot forget, that is all', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    store.fail.add('forget');
    expect(await world.call()).toMatchObject({ status: 201 });
    await world.runtime.advance(0);
    expect(world.log.lines).toEqual([expect.stringContaining('forget failed')]);
  });

  test('a client that is gone before its call is written down costs a record nothing', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    const open = store.hold();
    const controller = new AbortController();
    const id = callId(world.now());
    const first = world.call({ id, signal: controller.signal });
    await world.runtime.advance(0);
    controller.abort();
    open();
    expect(await first).toMatchObject({ status: 400, ...notRun });
    expect(world.runs).toEqual([]);
    expect(await world.call({ id })).toMatchObject({ status: 201, once: undefined });
  });
});

test.each<[object, string]>([
  [{ windowMs: 999 }, 'windowMs'],
  [{ windowMs: Infinity }, 'windowMs'],
  [{ maxBodyBytes: -1 }, 'maxBodyBytes'],
  [{ maxAnswerBytes: '1' }, 'maxAnswerBytes'],
  [{ window: 1 }, "'window'"],
  [{ store: {} }, "'begin'"],
  [{ store: { ...durableMemory(), outlives: 1 } }, 'outlives'],
  [{ store: { ...durableMemory(), scope: 'a b' } }, 'scope'],
])('the options %j are refused', (options, message) => {
  expect(() => guardedService(options)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string }),
  );
});

test.each([{ maxCalls: 0 }, { maxCalls: 1.5 }, { maxBytes: -1 }, { most: 1 }])(
  'the memory options %j are refused',
  (options) => {
    expect(() => memoryCalls(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  },
);
