import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ResolvedService } from '../../src/core/resolution-result.js';
import { ClerkError, isClerkError } from '../../src/core/errors.js';
import type { Registry, Resolution, ResolveContext } from '../../src/core/registry.js';
import { validatingResolver } from '../../src/resolve/validating-resolver.js';
import { parseResolution } from '../../src/resolve/parse-resolution.js';
import { createFakeRuntime } from '../../src/testing/fake-runtime.js';
import { flushPromises } from '../support/manual-clock.js';

const noSuspects = { suspects: new Set<string>() };

function resolverOver(resolve: Registry['resolve']) {
  const runtime = createFakeRuntime({ seed: 1, startAt: 1_000 });
  const controller = new AbortController();
  const resolver = validatingResolver(
    { resolve },
    { clock: runtime, timeoutMs: 5_000, signal: controller.signal },
  );
  return { runtime, controller, resolver, resolve: (name = '/a') => resolver.resolve(name, noSuspects) };
}

/** A registry of links and services by name. Other names are absent. */
const table = (entries: Record<string, unknown>) => (name: string) =>
  (entries[name] ?? { kind: 'absent' }) as Resolution;

async function rejection(promise: Promise<ResolvedService>): Promise<ClerkError> {
  const error: unknown = await promise.catch((thrown: unknown) => thrown);
  if (!isClerkError(error)) throw new Error(`Expected a ClerkError; got ${String(error)}`);
  return error;
}

test('all fields of a response are read', async () => {
  const { resolve } = resolverOver(
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
  const resolved = await resolve();
  expect(resolved).toMatchObject({
    kind: 'bound',
    name: '/a',
    canonical: '/b',
    policy: 'random',
    revision: '7',
    incarnation: 'i',
    ttlMs: 700,
    requestedAt: 1_000,
    requestedWallAt: 1_800_000_000_000,
    stale: false,
    guaranteedMs: 0,
    path: [{ name: '/a', kind: 'service', guaranteedMs: 0 }],
  });
  expect(resolved.endpoints.map(({ id }) => id)).toEqual(['http://10.0.0.1:80', 'http://10.0.0.2:81', 'c']);
  expect(
    Object.isFrozen(resolved) && Object.isFrozen(resolved.endpoints) && Object.isFrozen(resolved.path),
  ).toBe(true);
});

test('missing fields have defaults', async () => {
  const { resolve } = resolverOver(table({ '/a': { kind: 'bound', endpoints: ['http://a'] } }));
  expect(await resolve()).toMatchObject({
    canonical: '/a',
    policy: undefined,
    revision: '',
    incarnation: '',
    ttlMs: 5_000,
  });
});

test('absent is a result; its ttlMs is 1 s by default and at most 5 s', async () => {
  for (const [ttlMs, expected] of [
    [undefined, 1_000],
    [0, 0],
    [300, 300],
    [4_999, 4_999],
    [60_000, 5_000],
    [Infinity, 5_000],
  ] as const) {
    const { resolve } = resolverOver(() => ({
      kind: 'absent',
      ...(ttlMs !== undefined && { ttlMs }),
      revision: '3',
    }));
    expect(await resolve()).toMatchObject({ kind: 'absent', endpoints: [], ttlMs: expected, revision: '3' });
  }
});

test('an empty list is a result; its ttlMs is at most 1 s', async () => {
  for (const [ttlMs, expected] of [
    [undefined, 1_000],
    [300, 300],
    [60_000, 1_000],
    [Infinity, 1_000],
  ] as const) {
    const { resolve } = resolverOver(() => ({
      kind: 'bound',
      endpoints: [],
      ...(ttlMs !== undefined && { ttlMs }),
    }));
    expect(await resolve()).toMatchObject({ kind: 'bound', endpoints: [], ttlMs: expected });
  }
});

test('the shorter of ttlMs and guaranteedMs counts', async () => {
  for (const [ttlMs, guaranteedMs, expected] of [
    [100, 900, 100],
    [900, 100, 100],
    [undefined, 60_000, 60_000],
    [Infinity, undefined, Infinity],
    [Infinity, 30, 30],
    [0, 0, 0],
  ] as const) {
    const { resolve } = resolverOver(() => ({
      kind: 'bound',
      endpoints: ['http://a'],
      ...(ttlMs !== undefined && { ttlMs }),
      ...(guaranteedMs !== undefined && { guaranteedMs }),
    }));
    expect((await resolve()).ttlMs).toBe(expected);
  }
});

test('ttlMs is the shortest of all steps of the path', async () => {
  const { resolve } = resolverOver(
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
  const resolved = await resolve();
  expect(resolved).toMatchObject({ name: '/a', canonical: '/c', ttlMs: 300 });
  expect(resolved.path).toEqual([
    { name: '/a', kind: 'link', guaranteedMs: 0 },
    { name: '/b', kind: 'link', guaranteedMs: 400 },
    { name: '/c', kind: 'mount', guaranteedMs: 300 },
    { name: '/d', kind: 'service', guaranteedMs: 0 },
  ]);
});

test('ttlMs is the shortest of the path, for random times', async () => {
  const time = fc.oneof(fc.nat(10_000), fc.constant(Infinity), fc.constant(undefined));
  await fc.assert(
    fc.asyncProperty(fc.array(time, { maxLength: 16 }), time, async (links, last) => {
      const entries: Record<string, unknown> = {};
      for (const [i, ttlMs] of links.entries())
        entries[`/n${i}`] = { kind: 'link', target: `/n${i + 1}`, ttlMs };
      entries[`/n${links.length}`] = { kind: 'bound', endpoints: ['http://a'], ttlMs: last };
      const { resolve } = resolverOver(table(entries));
      expect((await resolve('/n0')).ttlMs).toBe(Math.min(...[...links, last].map((ttlMs) => ttlMs ?? 5_000)));
    }),
    { seed: 51, numRuns: 100 },
  );
});

test('a link to an absent name is absent, for the shorter ttlMs of both', async () => {
  const { resolve } = resolverOver(table({ '/a': { kind: 'link', target: '/gone', ttlMs: 200 } }));
  expect(await resolve()).toMatchObject({ kind: 'absent', name: '/a', canonical: '/gone', ttlMs: 200 });
});

test('16 links are followed, 17 are an error', async () => {
  const chain = (length: number) => {
    const entries: Record<string, unknown> = { [`/n${length}`]: { kind: 'bound', endpoints: ['http://a'] } };
    for (let i = 0; i < length; i++) entries[`/n${i}`] = { kind: 'link', target: `/n${i + 1}` };
    return resolverOver(table(entries)).resolve('/n0');
  };
  expect(await chain(16)).toMatchObject({ canonical: '/n16' });
  expect(await rejection(chain(17))).toMatchObject({
    code: 'REGISTRY_INVALID',
    message: "The registry's response for /n0 is invalid: the name must lead to a service within 16 links",
  });
});

test('a loop of links is an error that shows the loop', async () => {
  const { resolve } = resolverOver(
    table({
      '/a': { kind: 'link', target: '/b' },
      '/b': { kind: 'link', target: '/c' },
      '/c': { kind: 'link', target: '/b' },
      '/self': { kind: 'link', target: '/self' },
    }),
  );
  expect(await rejection(resolve())).toMatchObject({
    code: 'REGISTRY_INVALID',
    message: "The registry's response for /a is invalid: links must not form a loop; got /a → /b → /c → /b",
  });
  expect((await rejection(resolve('/self'))).message).toContain('/self → /self');
});

test('a failing registry is unreachable, with the cause, and never absent', async () => {
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
    const { resolve } = resolverOver(failure);
    expect(await rejection(resolve())).toMatchObject({
      code: 'REGISTRY_UNREACHABLE',
      execution: 'none',
      message: 'The registry lookup of /a failed: connect ECONNREFUSED',
      cause: { message: 'connect ECONNREFUSED' },
    });
  }
  for (const thrown of [undefined, null, 'text', 7]) {
    // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a third-party registry may reject with anything
    const { resolve } = resolverOver(() => Promise.reject(thrown));
    expect(await rejection(resolve())).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
  }
  const { resolve } = resolverOver(() =>
    Promise.reject(new ClerkError('FORBIDDEN', 'You may not read this')),
  );
  expect(await rejection(resolve())).toMatchObject({ code: 'FORBIDDEN' });
});

test('a lookup of a registry that hangs times out and aborts the signal', async () => {
  let passedSignal: AbortSignal | undefined;
  const { resolve, runtime } = resolverOver((_name, { signal }) => {
    passedSignal = signal;
    return new Promise(() => {});
  });
  const lookup = rejection(resolve());
  await runtime.advance(4_999);
  expect(passedSignal?.aborted).toBe(false);
  expect(runtime.refTimers).toBe(0);
  await runtime.advance(1);
  expect(await lookup).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: 'The registry did not respond to the lookup of /a within 5000 ms',
  });
  expect(passedSignal?.aborted).toBe(true);
  expect(runtime.pendingTimers).toBe(0);
});

test('a slow response within the timeout is used, and is as old as its request', async () => {
  const { resolve, runtime } = resolverOver(
    () =>
      new Promise((resolve) =>
        runtime.setTimer(() => resolve({ kind: 'bound', endpoints: ['http://a'], ttlMs: 6_000 }), 4_900),
      ),
  );
  const lookup = resolve();
  await runtime.advance(4_900);
  expect(await lookup).toMatchObject({ requestedAt: 1_000, ttlMs: 6_000 });
  expect(runtime.pendingTimers).toBe(0);
});

test('concurrent lookups share a request, and the result is as old as the request', async () => {
  const pending: ((resolution: Resolution) => void)[] = [];
  const requested: string[] = [];
  const { resolve, runtime } = resolverOver((name) => {
    requested.push(name);
    if (name !== '/b') return { kind: 'link', target: '/b' };
    return new Promise((resolve) => pending.push(resolve));
  });
  const first = resolve('/b');
  await runtime.advance(2_000);
  const second = resolve('/b');
  const byLink = resolve('/a');
  await flushPromises();
  expect(requested).toEqual(['/b', '/a']);
  pending[0]?.({ kind: 'bound', endpoints: ['http://b'] });
  for (const resolved of [await first, await second, await byLink])
    expect(resolved).toMatchObject({
      canonical: '/b',
      requestedAt: 1_000,
      requestedWallAt: 1_800_000_000_000,
    });
  expect((await byLink).name).toBe('/a');
  // The shared request has ended: the next lookup sends its own.
  void resolve('/b');
  await flushPromises();
  expect(requested).toEqual(['/b', '/a', '/b']);
});

test('a shared request that was sent earlier and has expired on arrival is repeated once', async () => {
  const pending: ((resolution: Resolution) => void)[] = [];
  const { resolve, runtime } = resolverOver((name) =>
    name === '/b' ? new Promise((resolve) => pending.push(resolve)) : { kind: 'link', target: '/b' },
  );
  const moment: Resolution = { kind: 'bound', endpoints: ['http://b'], ttlMs: 60 };
  const first = resolve('/b');
  await runtime.advance(1_000);
  const byLink = resolve('/a');
  await runtime.advance(66);
  pending[0]?.(moment);
  // The lookup that sent the request gets its result; the later one does not.
  expect(await first).toMatchObject({ requestedAt: 1_000 });
  await flushPromises();
  expect(pending).toHaveLength(2);
  await runtime.advance(100);
  pending[1]?.(moment);
  expect(await byLink).toMatchObject({ canonical: '/b', requestedAt: 2_000 });
  expect(pending).toHaveLength(2);
});

test('a shared request that was sent earlier and has not expired is not repeated', async () => {
  const pending: ((resolution: Resolution) => void)[] = [];
  const { resolve, runtime } = resolverOver(() => new Promise((resolve) => pending.push(resolve)));
  const first = resolve('/b');
  await runtime.advance(1_000);
  const second = resolve('/b');
  pending[0]?.({ kind: 'bound', endpoints: ['http://b'], ttlMs: 1_001 });
  expect(await second).toMatchObject({ requestedAt: 1_000 });
  expect(await first).toMatchObject({ requestedAt: 1_000 });
  expect(pending).toHaveLength(1);
});

test('the lookup timeout covers all links together', async () => {
  const requested: string[] = [];
  const { resolve, runtime } = resolverOver((name) => {
    requested.push(name);
    return new Promise((resolve) =>
      runtime.setTimer(() => resolve({ kind: 'link', target: `${name}-x` }), 2_000),
    );
  });
  const chain = rejection(resolve('/a'));
  await runtime.advance(5_000);
  expect(await chain).toMatchObject({
    code: 'REGISTRY_UNREACHABLE',
    message: 'The registry did not respond to the lookup of /a-x-x (linked from /a) within 5000 ms',
  });
  // No further link is followed.
  await runtime.advance(60_000);
  expect(requested).toEqual(['/a', '/a-x', '/a-x-x']);
  expect(runtime.pendingTimers).toBe(0);
});

test('the registry receives the clock of the clerk', async () => {
  let context: ResolveContext | undefined;
  const { resolve, runtime } = resolverOver((_name, given) => {
    context = given;
    return { kind: 'absent' };
  });
  await resolve();
  expect(context?.clock).toBe(runtime);
});

test('suspects are passed to the registry', async () => {
  let context: ResolveContext | undefined;
  const { resolver } = resolverOver((_name, given) => {
    context = given;
    return { kind: 'absent' };
  });
  await resolver.resolve('/a', { suspects: new Set(['x']) });
  expect([...(context?.suspects ?? [])]).toEqual(['x']);
});

test('closing the clerk ends lookups in flight and rejects later ones', async () => {
  const { resolve, controller, runtime } = resolverOver(() => new Promise(() => {}));
  const lookup = rejection(resolve());
  await flushPromises();
  controller.abort();
  expect(await lookup).toMatchObject({ code: 'CLERK_CLOSED' });
  expect(runtime.pendingTimers).toBe(0);
  expect(await rejection(resolve('/b'))).toMatchObject({ code: 'CLERK_CLOSED' });
});

const throwing = {
  get kind(): never {
    throw new Error('a trap');
  },
};
const bound = (more: object): object => ({ kind: 'bound', endpoints: ['http://a'], ...more });
const invalidResponses: Record<string, unknown> = {
  undefined: undefined,
  null: null,
  'a string': 'absent',
  'a number': 7,
  'a list': [],
  'an object without a kind': {},
  'a getter that throws': throwing,
  'an unknown kind': { kind: 'empty' },
  'a kind that is an object': { kind: { kind: 'bound' } },
  'a kind that is a bigint': { kind: 7n },
  'no list of endpoints': { kind: 'bound' },
  'endpoints that are an object': { kind: 'bound', endpoints: { length: 0 } },
  'endpoints that are a string': { kind: 'bound', endpoints: 'http://a' },
  'an endpoint that is null': { kind: 'bound', endpoints: [null] },
  'an endpoint without an address': { kind: 'bound', endpoints: [{ id: 'x' }] },
  'an endpoint with a path': { kind: 'bound', endpoints: ['http://a/path'] },
  'an endpoint with a getter that throws': { kind: 'bound', endpoints: [throwing] },
  'an endpoint twice': { kind: 'bound', endpoints: ['http://a', { id: 'http://a', address: 'http://b' }] },
  'a weight of NaN': { kind: 'bound', endpoints: [{ address: 'http://a', weight: Number.NaN }] },
  'a hole in the list': { kind: 'bound', endpoints: [, 'http://a'] }, // eslint-disable-line no-sparse-arrays -- the invalid input
  'too many endpoints': {
    kind: 'bound',
    endpoints: Array.from({ length: 100_001 }, (_, i) => ({ id: `e${i}`, address: 'http://a' })),
  },
  'a ttl of NaN': bound({ ttlMs: Number.NaN }),
  'a negative ttl': bound({ ttlMs: -1 }),
  'a ttl as a string': bound({ ttlMs: '5000' }),
  'a guarantee of NaN': bound({ guaranteedMs: Number.NaN }),
  'a ttl of null': bound({ ttlMs: null }),
  'a revision as a number': bound({ revision: 7 }),
  'an incarnation as an object': bound({ incarnation: {} }),
  'a policy as a number': bound({ policy: 7 }),
  'an invalid canonical name': bound({ canonical: '../etc' }),
  'a path that is not a list': bound({ path: {} }),
  'a path step of unknown kind': bound({ path: [{ name: '/a', kind: 'road' }] }),
  'a hole in the path': bound({ path: [, { name: '/a', kind: 'service' }] }), // eslint-disable-line no-sparse-arrays -- the invalid input
  'a path step that is null': bound({ path: [null] }),
  'a path step with an invalid name': bound({ path: [{ name: 'a', kind: 'link' }] }),
  'a path step with a negative guarantee': bound({
    path: [{ name: '/a', kind: 'link', guaranteedMs: -Infinity }],
  }),
  'a path with too many steps': bound({
    path: Array.from({ length: 300_000 }, () => ({ name: '/a', kind: 'directory' })),
  }),
  'a link without a target': { kind: 'link' },
  'a link to an invalid name': { kind: 'link', target: '/../etc' },
  'a link to an object': { kind: 'link', target: { toString: () => '/b' } },
  'a link with a ttl of NaN': { kind: 'link', target: '/b', ttlMs: Number.NaN },
  'an absent name with a ttl of NaN': { kind: 'absent', ttlMs: Number.NaN },
  'an absent name with a revision as a number': { kind: 'absent', revision: 7 },
};

test.each(Object.entries(invalidResponses))(
  'an invalid response is an error: %s',
  async (_what, resolution) => {
    const { resolve } = resolverOver(() => resolution as Resolution);
    const error = await rejection(resolve());
    expect(error.code).toBe('REGISTRY_INVALID');
    expect(error.message).toMatch(/^The registry's response for \/a is invalid: .*[^.]$/s);
    expect(error.message.length).toBeLessThan(1_000);
  },
);

test('any response is either parsed or rejected', () => {
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

test('a step without a guarantee does not shorten ttlMs; a link with a ttlMs of 0 does', async () => {
  const step = { name: '/a', kind: 'service', guaranteedMs: 0 };
  const { resolve } = resolverOver(
    table({
      '/a': { kind: 'bound', endpoints: ['http://a:1'], ttlMs: 700, path: [step] },
      '/b': { kind: 'link', target: '/a', ttlMs: 0 },
    }),
  );
  expect((await resolve('/a')).ttlMs).toBe(700);
  expect((await resolve('/b')).ttlMs).toBe(0);
});

test('what lies below a service is stated for its own name, and not for a link to it', async () => {
  const { resolve } = resolverOver(
    table({
      '/a': { kind: 'bound', endpoints: ['http://a'], namesBelow: false },
      '/b': { kind: 'link', target: '/a' },
      '/c': { kind: 'bound', endpoints: ['http://a'], namesBelow: 'yes' },
    }),
  );
  expect((await resolve('/a')).namesBelow).toBe(false);
  expect(await resolve('/b')).not.toHaveProperty('namesBelow');
  expect(await resolve('/c')).not.toHaveProperty('namesBelow');
});

test.each([
  ['soon', "the field 'scheduled' must be a list of at most 1024 changes; got"],
  [
    [{ name: '/a', change: 'rename', appliesInMs: 1 }],
    "the field 'change' of a scheduled change must be 'replace' or 'remove'",
  ],
  [[{ name: 'a', change: 'remove', appliesInMs: 1 }], 'name of a scheduled change'],
  [[{ name: '/a', change: 'remove', appliesInMs: -1 }], 'appliesInMs must be a number of ms'],
])('scheduled changes that are invalid, such as %j, are REGISTRY_INVALID', (scheduled, problem) => {
  expect(() => parseResolution({ kind: 'bound', endpoints: [], scheduled }, '/a')).toThrow(
    expect.objectContaining({
      code: 'REGISTRY_INVALID',
      message: expect.stringContaining(problem) as string,
    }),
  );
});
