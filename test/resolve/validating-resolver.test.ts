import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ResolvedService } from '../../src/core/resolution-result.js';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import type { Registry, Resolution, ResolveContext } from '../../src/core/registry.js';
import { validatingResolver } from '../../src/resolve/validating-resolver.js';
import { parseResolution } from '../../src/resolve/parse-resolution.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { flushPromises } from '../support/manual-clock.js';

const nobody = { suspects: new Set<string>() };

function over(resolve: Registry['resolve']) {
  const runtime = createFakeRuntime({ seed: 1, startAt: 1_000 });
  const controller = new AbortController();
  const resolver = validatingResolver(
    { resolve },
    { clock: runtime, timeoutMs: 5_000, signal: controller.signal },
  );
  return { runtime, controller, resolver, ask: (name = '/a') => resolver.resolve(name, nobody) };
}

/** A registry of links and services by name; what is not there is absent. */
const table = (entries: Record<string, unknown>) => (name: string) =>
  (entries[name] ?? { kind: 'absent' }) as Resolution;

async function refusal(promise: Promise<ResolvedService>): Promise<ClerkError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (!isClerkError(error)) throw new Error(`Not refused as it should be: ${String(error)}`);
  return error;
}

test('a whole answer is read whole', async () => {
  const { ask } = over(
    table({
      '/a': {
        kind: 'bound',
        endpoints: [
          'http://10.0.0.1:80',
          new URL('http://10.0.0.2:81'),
          { id: 'c', addresses: ['unix:/c', 'tcp://c:1'] },
        ],
        ttlMs: 700,
        revision: '7',
        incarnation: 'i',
        policy: 'random',
        canonical: '/b',
      },
    }),
  );
  const answer = await ask();
  expect(answer).toMatchObject({
    kind: 'bound',
    name: '/a',
    canonical: '/b',
    policy: 'random',
    revision: '7',
    incarnation: 'i',
    ttlMs: 700,
    askedAt: 1_000,
    askedWallAt: 1_800_000_000_000,
    stale: false,
    path: [{ name: '/a', kind: 'service', guaranteedMs: 700 }],
  });
  expect(answer.endpoints.map(({ id }) => id)).toEqual(['http://10.0.0.1:80', 'http://10.0.0.2:81', 'c']);
  expect(Object.isFrozen(answer) && Object.isFrozen(answer.endpoints) && Object.isFrozen(answer.path)).toBe(
    true,
  );
});

test('what is not said is the default', async () => {
  const { ask } = over(table({ '/a': { kind: 'bound', endpoints: ['http://a'] } }));
  expect(await ask()).toMatchObject({
    canonical: '/a',
    policy: undefined,
    revision: '',
    incarnation: '',
    ttlMs: 5_000,
  });
});

test('absent is an answer, believed for a second, for what it says, for five at most', async () => {
  for (const [ttlMs, expected] of [
    [undefined, 1_000],
    [0, 0],
    [300, 300],
    [4_999, 4_999],
    [60_000, 5_000],
    [Infinity, 5_000],
  ] as const) {
    const { ask } = over(() => ({ kind: 'absent', ...(ttlMs !== undefined && { ttlMs }), revision: '3' }));
    expect(await ask()).toMatchObject({ kind: 'absent', endpoints: [], ttlMs: expected, revision: '3' });
  }
});

test('an empty list is an answer, and believed no longer than absence', async () => {
  for (const [ttlMs, expected] of [
    [undefined, 1_000],
    [300, 300],
    [60_000, 1_000],
    [Infinity, 1_000],
  ] as const) {
    const { ask } = over(() => ({ kind: 'bound', endpoints: [], ...(ttlMs !== undefined && { ttlMs }) }));
    expect(await ask()).toMatchObject({ kind: 'bound', endpoints: [], ttlMs: expected });
  }
});

test('of two times the shorter counts', async () => {
  for (const [ttlMs, guaranteedMs, expected] of [
    [100, 900, 100],
    [900, 100, 100],
    [undefined, 60_000, 60_000],
    [Infinity, undefined, Infinity],
    [Infinity, 30, 30],
    [0, 0, 0],
  ] as const) {
    const { ask } = over(() => ({
      kind: 'bound',
      endpoints: ['http://a'],
      ...(ttlMs !== undefined && { ttlMs }),
      ...(guaranteedMs !== undefined && { guaranteedMs }),
    }));
    expect((await ask()).ttlMs).toBe(expected);
  }
});

test('the time of an answer is the shortest of all arcs on its trail', async () => {
  const { ask } = over(
    table({
      '/a': { kind: 'link', target: '/b', ttlMs: 900 },
      '/b': { kind: 'link', target: '/c', guaranteedMs: 400 },
      '/c': {
        kind: 'bound',
        endpoints: ['http://c'],
        ttlMs: 2_000,
        path: [
          { name: '/c', kind: 'mount', guaranteedMs: 300 },
          { name: '/d', kind: 'service' },
        ],
      },
    }),
  );
  const answer = await ask();
  expect(answer).toMatchObject({ name: '/a', canonical: '/c', ttlMs: 300 });
  expect(answer.path).toEqual([
    { name: '/a', kind: 'link', guaranteedMs: 900 },
    { name: '/b', kind: 'link', guaranteedMs: 400 },
    { name: '/c', kind: 'mount', guaranteedMs: 300 },
    { name: '/d', kind: 'service', guaranteedMs: 2_000 },
  ]);
});

test('the shortest of a trail, whatever the times are', async () => {
  const time = fc.oneof(fc.nat(10_000), fc.constant(Infinity), fc.constant(undefined));
  await fc.assert(
    fc.asyncProperty(fc.array(time, { maxLength: 16 }), time, async (links, last) => {
      const entries: Record<string, unknown> = {};
      for (const [i, ttlMs] of links.entries())
        entries[`/n${i}`] = { kind: 'link', target: `/n${i + 1}`, ttlMs };
      entries[`/n${links.length}`] = { kind: 'bound', endpoints: ['http://a'], ttlMs: last };
      const { ask } = over(table(entries));
      expect((await ask('/n0')).ttlMs).toBe(Math.min(...[...links, last].map((ttlMs) => ttlMs ?? 5_000)));
    }),
    { seed: 51, numRuns: 100 },
  );
});

test('a link that leads nowhere is absent, for as long as both hold', async () => {
  const { ask } = over(table({ '/a': { kind: 'link', target: '/gone', ttlMs: 200 } }));
  expect(await ask()).toMatchObject({ kind: 'absent', name: '/a', canonical: '/gone', ttlMs: 200 });
});

test('16 links are followed, 17 are too many', async () => {
  const chain = (length: number) => {
    const entries: Record<string, unknown> = { [`/n${length}`]: { kind: 'bound', endpoints: ['http://a'] } };
    for (let i = 0; i < length; i++) entries[`/n${i}`] = { kind: 'link', target: `/n${i + 1}` };
    return over(table(entries)).ask('/n0');
  };
  expect(await chain(16)).toMatchObject({ canonical: '/n16' });
  expect(await refusal(chain(17))).toMatchObject({
    code: 'REGISTRY_INVALID',
    message: "The registry's answer for /n0 follows more than 16 links",
  });
});

test('a circle of links is noticed, and shown', async () => {
  const { ask } = over(
    table({
      '/a': { kind: 'link', target: '/b' },
      '/b': { kind: 'link', target: '/c' },
      '/c': { kind: 'link', target: '/b' },
      '/self': { kind: 'link', target: '/self' },
    }),
  );
  expect(await refusal(ask())).toMatchObject({
    code: 'REGISTRY_INVALID',
    message: "The registry's answer for /a links in a circle: /a → /b → /c → /b",
  });
  expect((await refusal(ask('/self'))).message).toContain('/self → /self');
});

test('a registry that fails is unreachable, with the cause, and never absent', async () => {
  for (const failure of [
    () => Promise.reject(new Error('connect ECONNREFUSED')),
    () => {
      throw new Error('connect ECONNREFUSED');
    },
    () =>
      ({
        then: (_resolve: unknown, reject: (error: Error) => void) =>
          reject(new Error('connect ECONNREFUSED')),
      }) as never,
  ]) {
    const { ask } = over(failure);
    expect(await refusal(ask())).toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      execution: 'none',
      message: 'The registry failed to answer for /a: connect ECONNREFUSED',
      cause: { message: 'connect ECONNREFUSED' },
    });
  }
  for (const thrown of [undefined, null, 'text', 7]) {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what a registry of somebody else's may do
    const { ask } = over(() => Promise.reject(thrown));
    expect(await refusal(ask())).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  }
  const { ask } = over(() => Promise.reject(new ClerkError('FORBIDDEN', 'You may not read this')));
  expect(await refusal(ask())).toMatchObject({ code: 'FORBIDDEN' });
});

test('a registry that hangs is given up after its time, and told so', async () => {
  let told: AbortSignal | undefined;
  const { ask, runtime } = over((_name, { signal }) => {
    told = signal;
    return new Promise(() => {});
  });
  const asked = refusal(ask());
  await runtime.advance(4_999);
  expect(told?.aborted).toBe(false);
  expect(runtime.refTimers).toBe(0);
  await runtime.advance(1);
  expect(await asked).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: 'The registry did not answer for /a within 5000 ms',
  });
  expect(told?.aborted).toBe(true);
  expect(runtime.pendingTimers).toBe(0);
});

test('a slow registry is waited for, and its answer is as old as the question', async () => {
  const { ask, runtime } = over(
    () =>
      new Promise((resolve) =>
        runtime.setTimer(() => resolve({ kind: 'bound', endpoints: ['http://a'], ttlMs: 6_000 }), 4_900),
      ),
  );
  const asked = ask();
  await runtime.advance(4_900);
  expect(await asked).toMatchObject({ askedAt: 1_000, ttlMs: 6_000 });
  expect(runtime.pendingTimers).toBe(0);
});

test('who asks at the same time shares the question, and the answer is as old as that', async () => {
  const pending: ((resolution: Resolution) => void)[] = [];
  const asked: string[] = [];
  const { ask, runtime } = over((name) => {
    asked.push(name);
    if (name !== '/b') return { kind: 'link', target: '/b' };
    return new Promise((resolve) => pending.push(resolve));
  });
  const first = ask('/b');
  await runtime.advance(2_000);
  const second = ask('/b');
  const byLink = ask('/a');
  await flushPromises();
  expect(asked).toEqual(['/b', '/a']);
  pending[0]?.({ kind: 'bound', endpoints: ['http://b'] });
  for (const answer of [await first, await second, await byLink])
    expect(answer).toMatchObject({ canonical: '/b', askedAt: 1_000, askedWallAt: 1_800_000_000_000 });
  expect((await byLink).name).toBe('/a');
  // What was shared is over: the next one is a question of its own.
  void ask('/b');
  await flushPromises();
  expect(asked).toEqual(['/b', '/a', '/b']);
});

test('what was asked before and has run out on its way is asked again, once', async () => {
  const pending: ((resolution: Resolution) => void)[] = [];
  const { ask, runtime } = over((name) =>
    name === '/b' ? new Promise((resolve) => pending.push(resolve)) : { kind: 'link', target: '/b' },
  );
  const moment: Resolution = { kind: 'bound', endpoints: ['http://b'], ttlMs: 60 };
  const first = ask('/b');
  await runtime.advance(1_000);
  const byLink = ask('/a');
  await runtime.advance(66);
  pending[0]?.(moment);
  // Whoever asked gets what came, however long that took; who came later does not.
  expect(await first).toMatchObject({ askedAt: 1_000 });
  await flushPromises();
  expect(pending).toHaveLength(2);
  await runtime.advance(100);
  pending[1]?.(moment);
  expect(await byLink).toMatchObject({ canonical: '/b', askedAt: 2_000 });
  expect(pending).toHaveLength(2);
});

test('what was asked before and still holds is not asked again', async () => {
  const pending: ((resolution: Resolution) => void)[] = [];
  const { ask, runtime } = over(() => new Promise((resolve) => pending.push(resolve)));
  const first = ask('/b');
  await runtime.advance(1_000);
  const second = ask('/b');
  pending[0]?.({ kind: 'bound', endpoints: ['http://b'], ttlMs: 1_001 });
  expect(await second).toMatchObject({ askedAt: 1_000 });
  expect(await first).toMatchObject({ askedAt: 1_000 });
  expect(pending).toHaveLength(1);
});

test('the time of a look-up bounds all its links together', async () => {
  const asked: string[] = [];
  const { ask, runtime } = over((name) => {
    asked.push(name);
    return new Promise((resolve) =>
      runtime.setTimer(() => resolve({ kind: 'link', target: `${name}-x` }), 2_000),
    );
  });
  const chain = refusal(ask('/a'));
  await runtime.advance(5_000);
  expect(await chain).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: 'The registry did not answer for /a-x-x, to which /a leads, within 5000 ms',
  });
  // And nobody walks on.
  await runtime.advance(60_000);
  expect(asked).toEqual(['/a', '/a-x', '/a-x-x']);
  expect(runtime.pendingTimers).toBe(0);
});

test('a registry is handed the time of who asks', async () => {
  let context: ResolveContext | undefined;
  const { ask, runtime } = over((_name, given) => {
    context = given;
    return { kind: 'absent' };
  });
  await ask();
  expect(context?.clock).toBe(runtime);
});

test('suspects are passed on', async () => {
  let context: ResolveContext | undefined;
  const { resolver } = over((_name, given) => {
    context = given;
    return { kind: 'absent' };
  });
  await resolver.resolve('/a', { suspects: new Set(['x']) });
  expect([...(context?.suspects ?? [])]).toEqual(['x']);
});

test('a clerk that is closed asks no longer, and lets go of what it asked', async () => {
  const { ask, controller, runtime } = over(() => new Promise(() => {}));
  const asked = refusal(ask());
  await flushPromises();
  controller.abort();
  expect(await asked).toMatchObject({ code: 'CLERK_CLOSED' });
  expect(runtime.pendingTimers).toBe(0);
  expect(await refusal(ask('/b'))).toMatchObject({ code: 'CLERK_CLOSED' });
});

const hostile = {
  get kind(): never {
    throw new Error('a trap');
  },
};
const bound = (more: object): object => ({ kind: 'bound', endpoints: ['http://a'], ...more });
const nonsense: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  'a text': 'absent',
  'a number': 7,
  'a list': [],
  'an object of no kind': {},
  'a trap': hostile,
  'an unknown kind': { kind: 'empty' },
  'a kind that is an object': { kind: { kind: 'bound' } },
  'a kind that cannot be written': { kind: 7n },
  'no list of endpoints': { kind: 'bound' },
  'endpoints that are an object': { kind: 'bound', endpoints: { length: 0 } },
  'endpoints that are a text': { kind: 'bound', endpoints: 'http://a' },
  'an endpoint that is null': { kind: 'bound', endpoints: [null] },
  'an endpoint without an address': { kind: 'bound', endpoints: [{ id: 'x' }] },
  'an endpoint with a path': { kind: 'bound', endpoints: ['http://a/path'] },
  'an endpoint that is a trap': { kind: 'bound', endpoints: [hostile] },
  'an endpoint twice': { kind: 'bound', endpoints: ['http://a', { id: 'http://a', address: 'http://b' }] },
  'a weight of NaN': { kind: 'bound', endpoints: [{ address: 'http://a', weight: Number.NaN }] },
  'a hole in the list': { kind: 'bound', endpoints: [, 'http://a'] }, // eslint-disable-line no-sparse-arrays -- that is the nonsense
  'too many endpoints': {
    kind: 'bound',
    endpoints: Array.from({ length: 100_001 }, (_, i) => ({ id: `e${i}`, address: 'http://a' })),
  },
  'a ttl of NaN': bound({ ttlMs: Number.NaN }),
  'a negative ttl': bound({ ttlMs: -1 }),
  'a ttl as text': bound({ ttlMs: '5000' }),
  'a promise of NaN': bound({ guaranteedMs: Number.NaN }),
  'a ttl of null': bound({ ttlMs: null }),
  'a revision as a number': bound({ revision: 7 }),
  'an incarnation as an object': bound({ incarnation: {} }),
  'a policy as a number': bound({ policy: 7 }),
  'a canonical name that is none': bound({ canonical: '../etc' }),
  'a trail that is no list': bound({ path: {} }),
  'an arc of unknown kind': bound({ path: [{ name: '/a', kind: 'road' }] }),
  'a hole in the trail': bound({ path: [, { name: '/a', kind: 'service' }] }), // eslint-disable-line no-sparse-arrays -- as above
  'an arc that is null': bound({ path: [null] }),
  'an arc with a name that is none': bound({ path: [{ name: 'a', kind: 'link' }] }),
  'an arc promised for ever backwards': bound({
    path: [{ name: '/a', kind: 'link', guaranteedMs: -Infinity }],
  }),
  'a trail without end': bound({
    path: Array.from({ length: 300_000 }, () => ({ name: '/a', kind: 'directory' })),
  }),
  'a link without a target': { kind: 'link' },
  'a link to no name': { kind: 'link', target: '/../etc' },
  'a link to an object': { kind: 'link', target: { toString: () => '/b' } },
  'a link with a ttl of NaN': { kind: 'link', target: '/b', ttlMs: Number.NaN },
  'an absence with a ttl of NaN': { kind: 'absent', ttlMs: Number.NaN },
  'an absence with a revision as a number': { kind: 'absent', revision: 7 },
};

test.each(Object.entries(nonsense))(
  'nonsense is an error and not an answer: %s',
  async (_what, resolution) => {
    const { ask } = over(() => resolution as Resolution);
    const error = await refusal(ask());
    expect(error.code).toBe('REGISTRY_INVALID');
    expect(error.message).toMatch(/^The registry's answer for \/a .*[^.]$/s);
    expect(error.message.length).toBeLessThan(1_000);
  },
);

test('whatever an answer looks like, it is read or refused', () => {
  const value = fc.oneof(
    fc.anything(),
    fc.record(
      {
        kind: fc.oneof(fc.constantFrom('bound', 'link', 'absent'), fc.anything()),
        endpoints: fc.oneof(
          fc.array(fc.oneof(fc.constantFrom('http://a', 'http://b:1'), fc.anything())),
          fc.anything(),
        ),
        target: fc.oneof(fc.constant('/b'), fc.anything()),
        ttlMs: fc.oneof(fc.double(), fc.anything()),
        path: fc.oneof(
          fc.array(fc.record({ name: fc.constant('/b'), kind: fc.constantFrom('link', 'x') })),
          fc.anything(),
        ),
        revision: fc.oneof(fc.string(), fc.anything()),
      },
      { requiredKeys: ['kind'] },
    ),
  );
  fc.assert(
    fc.property(value, (resolution) => {
      try {
        const { kind, ttlMs, endpoints } = parseResolution(resolution, '/a');
        expect(['bound', 'link', 'absent']).toContain(kind);
        expect(ttlMs).toBeGreaterThanOrEqual(0);
        expect(new Set(endpoints.map(({ id }) => id)).size).toBe(endpoints.length);
      } catch (error) {
        if (!isClerkError(error)) throw error;
        expect(error.code).toBe('REGISTRY_INVALID');
      }
    }),
    { seed: 52, numRuns: 2_000 },
  );
});

test('what is not promised at all is a hint, and as good as the answer says; a link of no time is asked again', async () => {
  const arc = { name: '/a', kind: 'service', guaranteedMs: 0 };
  const { ask } = over(
    table({
      '/a': { kind: 'bound', endpoints: ['http://a:1'], ttlMs: 700, path: [arc] },
      '/b': { kind: 'link', target: '/a', ttlMs: 0 },
    }),
  );
  expect((await ask('/a')).ttlMs).toBe(700);
  expect((await ask('/b')).ttlMs).toBe(0);
});
