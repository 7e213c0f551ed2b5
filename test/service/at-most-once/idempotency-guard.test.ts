/** The outcome of requests with an idempotency key, in virtual time. */
import { describe, expect, test } from 'vitest';
import { memoryCalls, type IdempotencyStore } from 'binding-clerk/service';
import { faultyStore, callId, guardedService, type CallInit } from './guarded-service.js';

const hour = 3_600_000;
const day = 24 * hour;
const notRun = { notExecuted: '1' };

/** A promise and its resolve function. */
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

test('requests without a key run each time, whatever other headers they have', async () => {
  const world = guardedService();
  for (let i = 0; i < 3; i++) {
    const response = await world.call({ id: '', instance: 'nonsense' });
    expect(response).toMatchObject({ status: 201, idempotency: undefined, body: 'response to one' });
  }
  expect(world.runs).toHaveLength(3);
});

test('a call runs once; retries get its response, marked as replayed', async () => {
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
  expect(first).toMatchObject({ status: 202, idempotency: undefined, notExecuted: undefined, body: 'made' });
  expect(first.headers.get('x-hop')).toBe('1');
  for (let i = 0; i < 3; i++) {
    const again = await world.call({ id });
    expect(again).toMatchObject({
      status: 202,
      idempotency: 'replayed',
      notExecuted: undefined,
      body: 'made',
    });
    expect(again.headers.getSetCookie()).toEqual(['a=1', 'b=2']);
    expect(again.headers.get('x-order')).toBe('7');
    for (const name of ['connection', 'x-hop', 'date', 'endpoint-load-metrics'])
      expect(again.headers.has(name), name).toBe(false);
  }
  expect(world.runs).toEqual(['one']);
});

test('an Idempotency-Key in the form of a call id counts as that id', async () => {
  const world = guardedService();
  const key = callId(world.now());
  for (const headers of [
    { 'idempotency-key': key },
    { 'idempotency-key': `"${key}"` },
    { 'clerk-call-id': key },
  ])
    await world.call({ id: '', headers });
  expect(world.runs).toHaveLength(1);
  const both = { 'clerk-call-id': callId(world.now(), 2), 'idempotency-key': key };
  expect(await world.call({ id: '', headers: both })).toMatchObject({ status: 201, idempotency: undefined });
});

describe('an Idempotency-Key of any client', () => {
  const uuid = '8e03978e-40d5-43dd-bc93-6894a57f9324';
  const withKey = (key: string, init: CallInit = {}): CallInit => ({
    ...init,
    id: '',
    headers: { 'idempotency-key': key },
  });

  test.each([
    [uuid, `"${uuid}"`],
    ['order-7', '"order-7"; retry=1'],
    ['a\\b', '"a\\\\b"'],
    ['7', ' "7" '],
    ['x'.repeat(255), `"${'x'.repeat(255)}"`],
  ])('%s is one key, quoted or not', async (bare, quoted) => {
    const world = guardedService();
    expect(await world.call(withKey(bare))).toMatchObject({ status: 201, idempotency: undefined });
    for (const key of [bare, quoted])
      expect(await world.call(withKey(key))).toMatchObject({ status: 201, idempotency: 'replayed' });
    expect(await world.call(withKey(`${bare.slice(1)}0`))).toMatchObject({ idempotency: undefined });
    expect(await world.call(withKey(bare, { body: 'two' }))).toMatchObject({ status: 422 });
    expect(world.runs).toHaveLength(2);
  });

  test.each(['', '""', '"a', 'a b', 'ä', '"a", "b"', 'x'.repeat(256)])('%j is refused', async (key) => {
    const world = guardedService();
    const response = await world.call(withKey(key));
    expect(response).toMatchObject({ status: 400, ...notRun });
    expect(response.body).toContain('The header idempotency-key must be 1 to 255 printable');
    expect(world.runs).toEqual([]);
  });

  test.each([
    ['a store that finds', () => memoryCalls()],
    ['a store that cannot find', () => sharedMemory()],
  ])('is remembered for the window at least, by %s', async (_store, store) => {
    for (const startHour of [0, 11, 23.99]) {
      const world = guardedService({ windowMs: day, store: store() });
      await world.runtime.advance(day - (world.now() % day) + startHour * hour);
      await world.call(withKey(uuid));
      await world.runtime.advance(23.9 * hour);
      expect(await world.call(withKey(uuid)), `${startHour}`).toMatchObject({ idempotency: 'replayed' });
      expect(world.runs).toHaveLength(1);
      await world.runtime.advance(48.1 * hour);
      expect(await world.call(withKey(uuid))).toMatchObject({ status: 201, idempotency: undefined });
    }
  });

  test('runs once for two requests at the same time, also when the first began in the period before', async () => {
    const world = guardedService({ windowMs: day });
    await world.runtime.advance(day - (world.now() % day) - 10);
    const { opened, open } = gate();
    world.handler = async () => {
      await opened;
      return new Response('slow');
    };
    const first = world.call(withKey(uuid));
    expect(await world.call(withKey(uuid))).toMatchObject({ status: 409, idempotency: 'running' });
    await world.runtime.advance(hour);
    expect(await world.call(withKey(uuid))).toMatchObject({ status: 409, idempotency: 'running' });
    open();
    expect(await first).toMatchObject({ body: 'slow' });
    expect(await world.call(withKey(uuid))).toMatchObject({ body: 'slow', idempotency: 'replayed' });
    expect(world.runs).toHaveLength(1);
  });
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
])('the malformed key %j is rejected with the required form', async (id) => {
  const world = guardedService();
  const response = await world.call({ id });
  expect(response).toMatchObject({ status: 400, ...notRun, idempotency: undefined });
  expect(response.headers.get('content-type')).toBe('application/json');
  expect(JSON.parse(response.body)).toMatchObject({
    error: {
      code: 'CONFIG_INVALID',
      message: expect.stringContaining('32 lower-case hexadecimal digits') as string,
    },
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
])('the malformed instance %j is rejected', async (instance) => {
  const world = guardedService();
  expect(await world.call({ instance })).toMatchObject({ status: 400, ...notRun });
  expect(world.runs).toEqual([]);
});

describe('another request with the same key', () => {
  test.each<[string, CallInit]>([
    ['method', { method: 'PUT' }],
    ['target', { target: '/orders?a=2' }],
    ['content-type', { type: 'application/json' }],
    ['body', { body: 'two' }],
    ['absence of a body', { body: null }],
  ])('is detected by its %s, during and after the call', async (_, other) => {
    const world = guardedService();
    const { opened, open } = gate();
    world.handler = async () => {
      await opened;
      return new Response('done');
    };
    const id = callId(world.now());
    const first = world.call({ id, type: 'text/plain' });
    await world.runtime.advance(0);
    const mismatch = { status: 422, idempotency: 'mismatch' };
    expect(await world.call({ type: 'text/plain', ...other, id })).toMatchObject(mismatch);
    open();
    await first;
    expect(await world.call({ type: 'text/plain', ...other, id })).toMatchObject(mismatch);
    expect(await world.call({ type: 'text/plain', id })).toMatchObject({
      status: 200,
      idempotency: 'replayed',
    });
    expect(world.runs).toHaveLength(1);
  });

  test('cannot move bytes between the parts of its fingerprint', async () => {
    const world = guardedService();
    const id = callId(world.now());
    await world.call({ id, target: '/ab', type: 'c', body: 'd' });
    expect(await world.call({ id, target: '/a', type: 'bc', body: 'd' })).toMatchObject({ status: 422 });
    expect(await world.call({ id, target: '/ab', type: 'cd', body: '' })).toMatchObject({ status: 422 });
  });
});

test('a retry during the call gets 409 and Retry-After', async () => {
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
    const response = await world.call({ id });
    expect(response).toMatchObject({ status: 409, idempotency: 'running', notExecuted: undefined });
    expect(response.headers.get('retry-after')).toBe('1');
  }
  open();
  expect(await first).toMatchObject({ status: 200, idempotency: undefined });
  expect(await world.call({ id })).toMatchObject({ status: 200, idempotency: 'replayed', body: 'done' });
  expect(world.runs).toHaveLength(1);
});

test('a handler that throws is not run again, and its error is passed on', async () => {
  const world = guardedService();
  const error = new Error('No more paper');
  world.handler = () => {
    throw error;
  };
  const id = callId(world.now());
  await expect(world.call({ id })).rejects.toBe(error);
  expect(await world.call({ id })).toMatchObject({
    status: 409,
    idempotency: 'unknown',
    notExecuted: undefined,
  });
  expect(world.runs).toHaveLength(1);
});

describe('the age of a key', () => {
  test('is limited by the retention window', async () => {
    const world = guardedService({ windowMs: hour });
    await world.runtime.advance(2 * hour);
    const expired = { status: 410, idempotency: 'expired', ...notRun };
    expect(await world.call({ id: callId(world.now() - hour - 1) })).toMatchObject(expired);
    expect(await world.call({ id: callId(world.now() + 300_001) })).toMatchObject(expired);
    expect(world.runs).toEqual([]);
    expect(await world.call({ id: callId(world.now() - hour) })).toMatchObject({ status: 201 });
    expect(await world.call({ id: callId(world.now() + 300_000) })).toMatchObject({ status: 201 });
    expect(await world.call({ id: `00000000000001-${'0'.repeat(32)}` })).toMatchObject(expired);
    expect(await world.call({ id: `99999999999999-${'0'.repeat(32)}` })).toMatchObject(expired);
  });

  test('is stated by the clock of the service in each rejection', async () => {
    const world = guardedService();
    await world.runtime.advance(10 * day);
    const messageFor = async (createdAt: number): Promise<string> => {
      const { body } = await world.call({ id: callId(createdAt) });
      return (JSON.parse(body) as { error: { message: string } }).error.message;
    };
    expect(await messageFor(world.now() - 25 * hour)).toMatch(
      /By the clock of this service, .* created 25 h ago, .* window of 24 h\. .* clock of the client is 25 h behind/,
    );
    expect(await messageFor(world.now() + 90_000 * 4)).toMatch(/6 min ahead of the clock of this service/);
    const started = guardedService();
    const { body } = await started.call({ id: callId(started.now() - 10 * 60_000) });
    expect(body).toMatch(/By the clock of this service, .* created 10 min ago/);
  });

  test('is limited to 24 h by default', async () => {
    const world = guardedService();
    const id = callId(world.now());
    await world.call({ id });
    await world.runtime.advance(day);
    expect(await world.call({ id })).toMatchObject({ idempotency: 'replayed' });
    await world.runtime.advance(1);
    expect(await world.call({ id })).toMatchObject({ status: 410, idempotency: 'expired' });
    expect(world.runs).toHaveLength(1);
  });

  test('an expired key stays rejected when the clock is set back', async () => {
    const world = guardedService({ windowMs: hour });
    const id = callId(world.now());
    await world.call({ id });
    await world.runtime.advance(3 * hour);
    await world.call(); // removes expired calls
    world.runtime.shiftWallClock(-3 * hour);
    expect(await world.call({ id })).toMatchObject({ status: 410, idempotency: 'expired' });
    expect(world.runs).toHaveLength(2);
  });

  test('a clock that jumps ahead for a while removes nothing', async () => {
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
    expect(await world.call({ id })).toMatchObject({ status: 201, idempotency: 'replayed' });
  });

  test('a corrected clock is trusted after a whole window', async () => {
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

describe('a full store', () => {
  test('is announced once, before new calls are rejected', async () => {
    const world = guardedService({ windowMs: hour, store: memoryCalls({ maxCalls: 10 }) });
    for (let i = 0; i < 7; i++) await world.call({ id: callId(world.now(), i) });
    expect(world.log.lines).toEqual([]);
    for (let i = 7; i < 10; i++) await world.call({ id: callId(world.now(), i) });
    expect(world.log.lines).toEqual([
      'The idempotency store is nearly full: it has 8 of at most 10 calls, and keeps each call for 3600000 ms. When it is full, it first removes calls before this time has passed. If this does not make room, it rejects new calls. Raise maxCalls, or shorten windowMs',
    ]);
    expect(await world.call({ id: callId(world.now(), 10) })).toMatchObject({ status: 503, ...notRun });
    expect(world.runs).toHaveLength(10);
  });

  test('in bytes is announced once, with its bytes', async () => {
    const store = memoryCalls();
    store.usage = () => ({ calls: 1, maxCalls: 10, bytes: 8, maxBytes: 10 });
    const world = guardedService({ windowMs: hour, store });
    for (let i = 0; i < 3; i++) await world.call();
    expect(world.log.lines).toEqual([expect.stringMatching(/has 8 of at most 10 bytes.*Raise maxBytes,/)]);
  });

  test('rejects new calls, replays stored ones, and accepts new ones after the window', async () => {
    const world = guardedService({ windowMs: hour, store: memoryCalls({ maxCalls: 2 }) });
    const ids = [1, 2, 3].map((number) => callId(world.now(), number));
    await world.call({ id: ids[0] as string });
    await world.call({ id: ids[1] as string });
    for (let i = 0; i < 2; i++) {
      const refused = await world.call({ id: ids[2] as string });
      expect(refused).toMatchObject({ status: 503, ...notRun, idempotency: undefined });
      expect(refused.headers.get('retry-after')).toBe('10');
      expect(await world.call({ id: ids[0] as string })).toMatchObject({ idempotency: 'replayed' });
    }
    expect(world.runs).toHaveLength(2);
    await world.runtime.advance(hour + 1);
    await world.call();
    expect(await world.call({ id: callId(world.now(), 9) })).toMatchObject({ status: 201 });
  });

  test('keeps room for callers with few calls', async () => {
    const world = guardedService({ windowMs: day, store: memoryCalls({ maxCalls: 100 }) });
    const callAs = (principal: string, number: number) =>
      world.call({ id: callId(world.now(), number), headers: { 'x-principal': principal } });
    const strangers = [];
    for (let i = 0; i < 150; i++) strangers.push((await callAs('/stranger', i)).status);
    expect(strangers.filter((status) => status === 201)).toHaveLength(75);
    expect(strangers.slice(75)).toEqual(Array.from({ length: 75 }, () => 503));
    expect(await callAs('/honest', 1_000)).toMatchObject({ status: 201 });
    // A refused caller still gets the responses of its calls.
    expect(await callAs('/stranger', 0)).toMatchObject({ status: 201, idempotency: 'replayed' });
    expect(world.log.lines.filter((line) => line.includes('share'))).toHaveLength(1);
  });

  test('removes calls older than a minute before it rejects new ones, and refuses their keys', async () => {
    const world = guardedService({ windowMs: day, store: memoryCalls({ maxCalls: 10 }) });
    const old = Array.from({ length: 10 }, (_, i) => callId(world.now(), i));
    for (const id of old) await world.call({ id });
    await world.runtime.advance(59_000);
    expect(await world.call({ id: callId(world.now(), 20) })).toMatchObject({ status: 503, ...notRun });
    await world.runtime.advance(1_001);
    expect(await world.call({ id: callId(world.now(), 21) })).toMatchObject({ status: 201 });
    for (const id of old)
      expect(await world.call({ id })).toMatchObject({ status: 410, ...notRun, idempotency: 'expired' });
    expect(world.runs).toHaveLength(11);
  });

  test('drops the oldest responses for new ones; retries of those calls are unknown', async () => {
    const world = guardedService({ store: memoryCalls({ maxBytes: 300 }) });
    world.handler = async () => new Response(Buffer.alloc(100, 'x'));
    const ids = Array.from({ length: 7 }, (_, number) => callId(world.now(), number));
    for (const id of ids) await world.call({ id });
    for (const [i, id] of ids.entries())
      expect(await world.call({ id })).toMatchObject(
        i < 4 ? { status: 409, idempotency: 'unknown' } : { status: 200, idempotency: 'replayed' },
      );
    expect(world.runs).toHaveLength(7);
  });
});

describe('body size limits', () => {
  test('a request body at the limit runs, a larger one is rejected', async () => {
    const world = guardedService({ maxBodyBytes: 10 });
    expect(await world.call({ body: 'x'.repeat(10) })).toMatchObject({ status: 201 });
    const id = callId(world.now(), 5);
    expect(await world.call({ id, body: 'x'.repeat(11) })).toMatchObject({ status: 413, ...notRun });
    expect(world.runs).toEqual(['x'.repeat(10)]);
    // A rejected request leaves no record.
    expect(await world.call({ id, body: 'y' })).toMatchObject({ status: 201 });
  });

  test('a response at the limit is stored, a larger one is not, and retries get 409', async () => {
    const world = guardedService({ maxResponseBytes: 10 });
    world.handler = async (request) => new Response('x'.repeat(Number(await request.text())));
    const [kept, large] = [callId(world.now(), 1), callId(world.now(), 2)];
    await world.call({ id: kept, body: '10' });
    expect((await world.call({ id: large, body: '11' })).body).toHaveLength(11);
    expect(await world.call({ id: kept, body: '10' })).toMatchObject({
      idempotency: 'replayed',
      body: 'x'.repeat(10),
    });
    const refused = await world.call({ id: large, body: '11' });
    expect(refused).toMatchObject({ status: 409, idempotency: 'unknown', notExecuted: undefined });
    expect(refused.body).toContain('too large');
    expect(world.runs).toHaveLength(2);
  });
});

describe('the target instance', () => {
  test('a store in memory accepts epochs of this process and rejects earlier ones and other instances', async () => {
    const world = guardedService();
    world.guard.instanceEpochs.add('orders-1', 7);
    world.guard.instanceEpochs.add('orders-1', 9); // registered again
    const elsewhere = { status: 421, idempotency: 'elsewhere', ...notRun };
    let number = 0;
    const id = (): string => callId(world.now(), ++number);
    expect(await world.call({ id: id(), instance: 'orders-1 6' })).toMatchObject(elsewhere);
    expect(await world.call({ id: id(), instance: 'orders-2 7' })).toMatchObject(elsewhere);
    expect(world.runs).toEqual([]);
    for (const instance of ['orders-1 7', 'orders-1 8', 'orders-1 9', 'orders-1 10', undefined])
      expect(await world.call({ id: id(), ...(instance && { instance }) })).toMatchObject({ status: 201 });
  });

  test('epochs are compared within an incarnation of the registry, and the newer incarnation wins', async () => {
    const world = guardedService();
    const { instanceEpochs } = world.guard;
    instanceEpochs.add('orders-1', 5, '0b');
    let number = 0;
    const statusOf = async (target: string): Promise<number | undefined> =>
      (await world.call({ id: callId(world.now(), ++number), instance: `orders-1 ${target}` })).status;
    // An earlier process had these epochs.
    for (const target of ['4 0b', '5 0a', '9 0a']) expect(await statusOf(target), target).toBe(421);
    // A restored registry knows this process, or an earlier registration of it, in a newer incarnation.
    for (const target of ['5 0b', '6 0b', '3 0c', '5 0c', '1000005 0c', '5'])
      expect(await statusOf(target), target).toBe(201);
    instanceEpochs.add('orders-1', 1_000_007, '0d');
    for (const target of ['3 0d', '5 0d', '1000007 0d', '5 0b', '3 0c'])
      expect(await statusOf(target), target).toBe(201);
    // Another process has registered in between.
    for (const target of ['1000006 0d', '4 0b', '9 0a']) expect(await statusOf(target), target).toBe(421);
  });

  test('a process that registers first with a registry that lost everything refuses calls of its predecessor', async () => {
    const world = guardedService();
    world.guard.instanceEpochs.add('orders-1', 1, '0c');
    expect(await world.call({ instance: 'orders-1 5 0b' })).toMatchObject({ status: 421 });
    expect(world.runs).toEqual([]);
    expect(await world.call({ instance: 'orders-1 1 0c' })).toMatchObject({ status: 201 });
  });

  test('a durable store accepts earlier epochs of its instance and rejects other instances', async () => {
    const world = guardedService({ store: durableMemory() });
    world.guard.instanceEpochs.add('orders-1', 7);
    expect(await world.call({ instance: 'orders-1 6' })).toMatchObject({ status: 201 });
    expect(await world.call({ id: callId(world.now(), 2), instance: 'orders-2 7' })).toMatchObject({
      status: 421,
      idempotency: 'elsewhere',
      ...notRun,
    });
  });

  test('a shared store accepts every instance', async () => {
    const world = guardedService({ store: sharedMemory() });
    world.guard.instanceEpochs.add('orders-1', 7);
    for (const [i, instance] of ['orders-1 6', 'orders-2 7', 'orders-1 7'].entries())
      expect(await world.call({ id: callId(world.now(), i), instance })).toMatchObject({ status: 201 });
  });

  test('a key older than the store is rejected unless it names a current epoch', async () => {
    const world = guardedService();
    const earlyKey = (number: number): string => callId(world.now() - 1, number);
    const expired = { status: 410, idempotency: 'expired', ...notRun };
    expect(await world.call({ id: earlyKey(1) })).toMatchObject(expired);
    expect(await world.call({ id: earlyKey(2), instance: 'orders-1 7' })).toMatchObject(expired);
    // With epoch 0 there is no earlier process.
    expect(await world.call({ id: earlyKey(3), instance: 'orders-1 0' })).toMatchObject({ status: 201 });
    world.guard.instanceEpochs.add('orders-1');
    expect(await world.call({ id: earlyKey(4), instance: 'orders-1 7' })).toMatchObject(expired);
    world.guard.instanceEpochs.add('orders-1', 7);
    expect(await world.call({ id: earlyKey(5), instance: 'orders-1 7' })).toMatchObject({ status: 201 });
    expect(await world.call({ id: callId(world.now(), 6) })).toMatchObject({ status: 201 });
    expect(await guardedService({ store: durableMemory() }).call({ id: earlyKey(7) })).toMatchObject({
      status: 201,
    });
  });
});

describe('a call stored as running', () => {
  const never = (): Promise<Response> => new Promise(() => undefined);

  test('by an earlier incarnation of this process is unknown', async () => {
    const memory = memoryCalls();
    const before = guardedService({ store: durableMemory(memory), incarnation: 'incarnation-1' });
    before.handler = never;
    const id = callId(before.now());
    void before.callRaw({ id });
    await before.runtime.advance(0);
    expect(await before.call({ id })).toMatchObject({ status: 409, idempotency: 'running' });
    const after = guardedService({ store: durableMemory(memory), incarnation: 'incarnation-2' });
    expect(await after.call({ id })).toMatchObject({
      status: 409,
      idempotency: 'unknown',
      notExecuted: undefined,
    });
    expect(after.runs).toEqual([]);
  });

  test('in a shared store is running, unless an earlier incarnation of this instance started it', async () => {
    const store = sharedMemory();
    const worlds = ['incarnation-1', 'incarnation-2', 'incarnation-3'].map((incarnation) =>
      guardedService({ store, incarnation }),
    );
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
    expect(await sibling.call({ id })).toMatchObject({ status: 409, idempotency: 'running' });
    expect(await successor.call({ id })).toMatchObject({ status: 409, idempotency: 'unknown' });
    expect(sibling.runs.concat(successor.runs)).toEqual([]);
  });
});

describe('a store that fails', () => {
  test('no request runs that could not be stored, and one error is logged', async () => {
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

  test('when the end cannot be stored the client has its response, and a retry runs nothing', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    store.fail.add('end');
    const id = callId(world.now());
    expect(await world.call({ id })).toMatchObject({ status: 201, body: 'response to one' });
    await world.runtime.advance(0);
    for (let i = 0; i < 2; i++)
      expect(await world.call({ id })).toMatchObject({
        status: 409,
        idempotency: 'unknown',
        notExecuted: undefined,
      });
    expect(world.runs).toHaveLength(1);
    expect(world.log.lines).toEqual([expect.stringContaining('end failed')]);
    expect(world.log.lines.join()).not.toContain('response to');
  });

  test('an interrupted call whose end could not be stored is unknown', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    world.handler = () => Promise.reject(new Error('No more paper'));
    const id = callId(world.now());
    store.fail.add('end');
    await expect(world.call({ id })).rejects.toThrow('No more paper');
    await world.runtime.advance(0);
    expect(await world.call({ id })).toMatchObject({ status: 409, idempotency: 'unknown' });
    expect(world.runs).toHaveLength(1);
  });

  test('a call that was stored without confirmation is not reported as running', async () => {
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
        idempotency: 'unknown',
        notExecuted: undefined,
      });
    expect(world.runs).toEqual([]);
  });

  test('a call that could not be withdrawn is not reported as running', async () => {
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
    expect(await world.call({ id })).toMatchObject({ status: 409, idempotency: 'unknown' });
    expect(world.runs).toEqual([]);
  });

  test('a late lookup result that a call runs is not mistaken for an abandoned call', async () => {
    const memory = memoryCalls();
    const late = gate();
    let lookups = 0;
    const world = guardedService({
      store: {
        ...durableMemory(memory),
        begin: async (call) => {
          const found = await memory.begin(call);
          if (++lookups === 2) await late.opened;
          return found;
        },
      },
    });
    const responding = gate();
    world.handler = async () => {
      await responding.opened;
      return new Response('made');
    };
    const id = callId(world.now());
    const first = world.call({ id });
    await world.runtime.advance(0);
    const second = world.call({ id });
    await world.runtime.advance(0);
    responding.open();
    expect(await first).toMatchObject({ status: 200 });
    await world.runtime.advance(0);
    late.open();
    expect(await second).toMatchObject({ idempotency: 'running' });
    expect(await world.call({ id })).toMatchObject({ idempotency: 'replayed', body: 'made' });
  });

  test('a retry that finds the call before its handler starts gets 409 running', async () => {
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
    expect(await world.call({ id })).toMatchObject({ idempotency: 'running' });
    confirmed.open();
    expect(await first).toMatchObject({ status: 201 });
  });

  test('a call run by another handler with the same store is running', async () => {
    const store = durableMemory();
    const [first, second] = [guardedService({ store }), guardedService({ store })];
    first.handler = () => new Promise(() => undefined);
    const id = callId(first.now());
    void first.callRaw({ id });
    await first.runtime.advance(0);
    expect(await second.call({ id })).toMatchObject({ idempotency: 'running' });
    expect(second.runs).toEqual([]);
  });

  test('failing to remove expired calls is logged and has no other effect', async () => {
    const store = faultyStore(memoryCalls());
    const world = guardedService({ store });
    store.fail.add('forget');
    expect(await world.call()).toMatchObject({ status: 201 });
    await world.runtime.advance(0);
    expect(world.log.lines).toEqual([expect.stringContaining('forget failed')]);
  });

  test('a client that disconnects before its call is stored leaves no record', async () => {
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
    expect(await world.call({ id })).toMatchObject({ status: 201, idempotency: undefined });
  });
});

test.each<[object, string]>([
  [{ windowMs: 999 }, 'windowMs'],
  [{ windowMs: Infinity }, 'windowMs'],
  [{ maxBodyBytes: -1 }, 'maxBodyBytes'],
  [{ maxResponseBytes: '1' }, 'maxResponseBytes'],
  [{ window: 1 }, "'window'"],
  [{ store: {} }, "'begin'"],
  [{ store: { ...durableMemory(), isDurable: 1 } }, 'isDurable'],
  [{ store: { ...durableMemory(), scope: 'a b' } }, 'scope'],
])('the options %j are rejected', (options, message) => {
  expect(() => guardedService(options)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string }),
  );
});

test.each([{ maxCalls: 0 }, { maxCalls: 1.5 }, { maxBytes: -1 }, { most: 1 }])(
  'the store options %j are rejected',
  (options) => {
    expect(() => memoryCalls(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  },
);
