/** Invalid input: each kind has its code, and a message that names the option and the valid values. */
import {
  createClerk,
  firstToRespond,
  leastPending,
  localFirst,
  type Clerk,
  type ClerkError,
  type ClerkOptions,
  type RequestOptions,
} from 'binding-clerk';
import type { Candidate, Policy, PickerInput } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork, memoryCluster } from 'binding-clerk/testing';
import { expect, test } from 'vitest';
import { clerkErrorOf } from '../real/clerk-error-of.js';

const registry = { '/s': 'http://127.0.0.1:9' };
const pin = `sha256/${'A'.repeat(43)}`;
const cluster = () => memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });

test.each([
  [{ registry: 4711 }, /registry must be an http: or https: URL .*; got 4711/],
  [{ registry: null }, /null/],
  [{ registry: [] }, /empty list/],
  [{ registry: ['http://127.0.0.1:4711', {}] }, /registry must be an http: or https: URL .*; got an object/],
  [{ registry: 'etcd://127.0.0.1:2379/clerk' }, /registry must be an http: or https: URL .*; got 'etcd:/],
  [{ registry: 'kubernetes://' }, /registry must be an http: or https: URL .*; got 'kubernetes:/],
  [{ registry: 'http://127.0.0.1:4711/v1' }, /without path/],
  [{ registry: 'tcp://127.0.0.1:4711' }, /registry must be an http: or https: URL .*; got 'tcp:/],
  [{ registry: { orders: 'http://127.0.0.1:9' } }, /orders/],
  [{ registry: { '/s': 'ftp://127.0.0.1' } }, /ftp/],
  [{ registry, retries: 3 }, /option 'retries' belongs to bind\(\); known/],
  [{ registry, timeoutMs: 50 }, /option 'timeoutMs' belongs to bind\(\)/],
  [{ registry, signal: 1 }, /option 'signal' belongs to a request/],
  [{ registry, key: 'x' }, /option 'key' is not supported by this version/],
  [{ registry, identity: '', tickets: 'off' }, /identity must be a string that is not empty/],
  [{ registry, identity: {}, tickets: 'off' }, /identity must be the path of an identity file, a result/],
  [
    { registry, identity: 'a.identity' },
    /tickets: 'required' requires a registry server, which issues the tickets; set tickets: 'off'/,
  ],
  [{ registry, registryKey: pin }, /registryKey needs registry URLs/],
  [{ registry: 'http://127.0.0.1:4711', registryKey: pin }, /needs an https: address; got http:/],
  [{ registry: 'http://127.0.0.1:4711', identity: 'a.identity' }, /needs an https: address; got http:/],
  [{ registry: 'https://127.0.0.1:4711', registryKey: 'sha256/x' }, /registryKey must be 'sha256\/' and 43/],
  [
    { registry: 'https://127.0.0.1:4711', tickets: 'required' },
    /tickets: 'required' needs the option identity/,
  ],
  [
    { registry: 'https://127.0.0.1:4711', tickets: true },
    /tickets must be one of required, offered, off; got true/,
  ],
  [{ registry, snapshotFile: '' }, /snapshotFile must be a string that is not empty; got ''/],
  [{ registry, connections: 0 }, /connections must be an integer from 1 to 10000; got 0/],
  [{ registry, maxPending: 1.5 }, /maxPending must be an integer from 1 to 1000000; got 1.5/],
  [{ registry, maxSockets: 0 }, /maxSockets must be an integer from 1 .*; got 0/],
  [{ registry, closeTimeoutMs: -1 }, /closeTimeoutMs must be an integer from 0 .*; got -1/],
  [{ registry, closeTimeoutMs: Infinity }, /closeTimeoutMs must be .*; got Infinity/],
  [{ registry, undici: { maxResponsSize: 1 } }, /undici: unknown option 'maxResponsSize'/],
  [{ registry, undici: { headersTimeout: 'x' } }, /undici rejects.*headersTimeout/],
  [{ registry, tls: { certificate: 'x' } }, /tls: unknown option/],
  [{ registry, logger: {} }, /logger/],
  [{ registry, dispatcher: {} }, /dispatcher/],
  [{ registry, host: '' }, /host/],
] as [object, RegExp][])('createClerk(%j) is rejected', (options, message) => {
  expect(() => createClerk(options as ClerkOptions)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID' }) as Error,
  );
  expect(() => createClerk(options as ClerkOptions)).toThrow(message);
});

test.each([
  ['/S', {}, 'NAME_INVALID', /capital|lower/i],
  ['/s//t', {}, 'NAME_INVALID', /empty/],
  ['/xn--s', {}, 'NAME_INVALID', /xn--/],
  ['/s', { verson: '1' }, 'CONFIG_INVALID', /unknown option 'verson'; known/],
  ['/s', { maxSockets: 5 }, 'CONFIG_INVALID', /'maxSockets' belongs to createClerk\(\)/],
  ['/s', { headers: {} }, 'CONFIG_INVALID', /'headers' belongs to a request/],
  ['/s', { version: 'one' }, 'CONFIG_INVALID', /one/],
  ['/s', { policy: 'fastest' }, 'CONFIG_INVALID', /fastest/],
  ['/s', { timeoutMs: 0 }, 'CONFIG_INVALID', /timeoutMs must be a number of ms above 0 .*; got 0/],
  ['/s', { kind: 'twice' }, 'CONFIG_INVALID', /kind must be one of .*; got 'twice'/],
  ['/s', { factory: 'npm start' }, 'CONFIG_INVALID', /factory/],
  ['/s', { affinity: 7 }, 'CONFIG_INVALID', /affinity/],
  ['/s', { affinity: { id: 7 } }, 'CONFIG_INVALID', /affinity/],
  ['/s', { affinity: null }, 'CONFIG_INVALID', /affinity/],
  [
    '/s',
    { affinity: 'me', policy: 'primary' },
    'CONFIG_INVALID',
    /affinity requires the policy 'affinity'; got the policy 'primary'/,
  ],
  [
    '/s',
    { affinity: 'me', policy: 'weighted' },
    'CONFIG_INVALID',
    /affinity requires the policy 'affinity'; got the policy 'weighted'/,
  ],
  [
    '/s',
    { subsetSize: 11 },
    'CONFIG_INVALID',
    /subsetSize must be an integer ≥ 12, or Infinity for all endpoints; got 11/,
  ],
  ['/s', { subsetSize: 0 }, 'CONFIG_INVALID', /subsetSize must be .*; got 0/],
  ['/s', { subsetSize: -1 }, 'CONFIG_INVALID', /subsetSize must be .*; got -1/],
  ['/s', { subsetSize: 20.5 }, 'CONFIG_INVALID', /subsetSize must be .*; got 20.5/],
  ['/s', { subsetSize: NaN }, 'CONFIG_INVALID', /subsetSize must be .*; got NaN/],
  ['/s', { subsetSize: '100' }, 'CONFIG_INVALID', /subsetSize must be .*; got '100'/],
  [
    '/s',
    { affinity: 'me', policy: 'random' },
    'CONFIG_INVALID',
    /affinity requires the policy 'affinity'; got the policy 'random'/,
  ],
  [
    '/s',
    { hedge: 'yes' },
    'CONFIG_INVALID',
    /hedge must be a boolean or an object with afterMs or budgetRatio; got 'yes'/,
  ],
  ['/s', { hedge: { afterMs: -1 } }, 'CONFIG_INVALID', /hedge\.afterMs must be .*; got -1/],
  ['/s', { hedge: { budgetRatio: 0 } }, 'CONFIG_INVALID', /hedge\.budgetRatio must be .*; got 0/],
  ['/s', { hedge: { budgetRatio: NaN } }, 'CONFIG_INVALID', /hedge\.budgetRatio must be .*; got NaN/],
  ['/s', { hedge: { delay: 5 } }, 'CONFIG_INVALID', /unknown option 'delay'/],
  ['/s', { hedge: true, retries: false }, 'CONFIG_INVALID', /hedge requires retries.*; got retries: false/],
  ['/s', { hedge: true, retries: { max: 0 } }, 'CONFIG_INVALID', /hedge requires .*; got retries\.max: 0/],
  [
    '/s',
    { hedge: { afterMs: 5 }, retries: { budget: { ratio: 0, minPerSecond: 0 } } },
    'CONFIG_INVALID',
    /hedge requires retries.*; got retries\.budget\.ratio: 0 and/,
  ],
  ['/s', { hedge: true, kind: 'once' }, 'CONFIG_INVALID', /hedge requires calls .*; got kind: 'once'/],
  [
    '/s',
    { policy: 'first-to-respond', retries: false },
    'CONFIG_INVALID',
    /the policy 'first-to-respond' requires retries/,
  ],
  [
    '/s',
    { policy: firstToRespond(), retries: { max: 0 } },
    'CONFIG_INVALID',
    /the policy 'first-to-respond' requires retries/,
  ],
  [
    '/s',
    { policy: firstToRespond(leastPending()), kind: 'once' },
    'CONFIG_INVALID',
    /remove the policy 'first-to-respond\(least-pending\)', or set kind to 'safe' or 'idempotent'$/,
  ],
  ['/s', { policy: 'first-to-respond', hedge: true }, 'CONFIG_INVALID', /so the option hedge has no effect/],
  ['/s', { routeOf: '/orders' }, 'CONFIG_INVALID', /routeOf must be a function; got '\/orders'/],
  [
    '/s',
    { probe: true },
    'CONFIG_INVALID',
    /probe must be false or an object with method or path.*; got true/,
  ],
  ['/s', { probe: { every: 5 } }, 'CONFIG_INVALID', /probe: unknown option 'every'/],
  ['/s', { probe: { method: 'POST' } }, 'CONFIG_INVALID', /probe\.method must be one of .*; got 'POST'/],
  ['/s', { probe: { path: 'health' } }, 'CONFIG_INVALID', /probe\.path must be .*; got 'health'/],
  ['/s', { probe: { path: '/a b' } }, 'CONFIG_INVALID', /probe\.path must be .*; got '\/a b'/],
  ['/s', { probe: { path: '/a#b' } }, 'CONFIG_INVALID', /probe\.path must be .*; got '\/a#b'/],
] as [string, object, string, RegExp][])('bind(%j, %j) is rejected', (name, options, code, message) => {
  const { clerk } = cluster();
  expect(() => clerk.bind(name, options)).toThrow(expect.objectContaining({ code }) as Error);
  expect(() => clerk.bind(name, options)).toThrow(message);
});

const invalidRetrySettings: readonly [options: object, message: RegExp][] = [
  [{ attemptTimeoutMs: 0 }, /attemptTimeoutMs must be a number of ms above 0 .*; got 0/],
  [{ attemptTimeoutMs: Infinity }, /attemptTimeoutMs must be .*; got Infinity/],
  [{ attemptTimeoutMs: '50' }, /attemptTimeoutMs must be .*; got '50'/],
  [{ attemptTimeoutMs: [25, 50] }, /attemptTimeoutMs must be .*; got a list/],
  [{ attemptTimeoutMs: { minimum: 5 } }, /attemptTimeoutMs has the unknown option 'minimum'/],
  [{ attemptTimeoutMs: { min: -1 } }, /attemptTimeoutMs\.min must be .*; got -1/],
  [{ attemptTimeoutMs: { max: NaN } }, /attemptTimeoutMs\.max must be .*; got NaN/],
  [{ attemptTimeoutMs: { min: 60, max: 50 } }, /min must be at most .*; got min 60 and max 50/],
  [{ retries: true }, /retries must be false or an object .*; got true/],
  [{ retries: 3 }, /retries must be false or an object .*; got 3/],
  [{ retries: null }, /retries must be false or an object .*; got null/],
  [{ retries: { maximum: 3 } }, /retries has the unknown option 'maximum'/],
  [{ retries: { max: 1.5 } }, /retries\.max must be an integer from 0 to 100; got 1\.5/],
  [{ retries: { max: 101 } }, /retries\.max must be .*; got 101/],
  [{ retries: { statuses: 503 } }, /retries\.statuses must be a list of statuses; got 503/],
  [{ retries: { statuses: [503, 200] } }, /only integers from 400 to 599; got 200/],
  [{ retries: { statuses: [600] } }, /only integers from 400 to 599; got 600/],
  [{ retries: { budget: 0.1 } }, /retries\.budget must be an object .*; got 0\.1/],
  [{ retries: { budget: { share: 1 } } }, /retries\.budget has the unknown option 'share'/],
  [{ retries: { budget: { ratio: 1.1 } } }, /budget\.ratio must be a number from 0 to 1; got 1\.1/],
  [{ retries: { budget: { ratio: -0.1 } } }, /budget\.ratio must be .*; got -0\.1/],
  [{ retries: { budget: { minPerSecond: NaN } } }, /budget\.minPerSecond must be .*; got NaN/],
];

test.each(invalidRetrySettings)(
  '%j is rejected in a binding, a request, a call, a fetch and a service config',
  async (options, message) => {
    const { clerk } = cluster();
    const s = clerk.bind('/s');
    expect(() => clerk.bind('/s', options)).toThrow(message);
    for (const promise of [
      s.json('/', options),
      s.request({ path: '/', ...options }),
      s.call(() => 1, options),
      s.gather({ path: '/', ...options }),
      clerk.request('/s/', options),
      clerk.fetch('http://s.clerk/', options).catch((error: unknown) => {
        throw (error as Error).cause;
      }),
    ]) {
      const error = await clerkErrorOf(promise);
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message).toMatch(message);
    }
    const served = createClerk({
      registry: {
        resolve: () => ({ kind: 'bound', endpoints: ['http://127.0.0.1:9'], ...options }) as never,
      },
    });
    const error = await clerkErrorOf(served.bind('/s').json('/'));
    await served.destroy();
    expect(error.code).toBe('REGISTRY_INVALID');
    expect(error.message).toMatch(message);
  },
);

test.each([
  ['acquire', { kind: 'safe' }],
  ['acquire', { retries: false }],
  ['ready', { affinity: 'a' }],
] as const)('%s(%j) is rejected', async (method, options) => {
  const binding = cluster().clerk.bind('/s');
  const error = await clerkErrorOf(binding[method](options as never));
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message).toContain(`option '${String(Object.keys(options)[0])}' belongs to bind()`);
});

test.each([{ retries: {} }, { retries: false }, { attemptTimeoutMs: 50 }, { affinity: 'a' }] as object[])(
  'gather() rejects %j, which would have no effect',
  async (options) => {
    const error = await clerkErrorOf(
      cluster()
        .clerk.bind('/s')
        .gather({ ...options, path: '/' }),
    );
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(`so ${String(Object.keys(options)[0])} has no effect; remove`);
  },
);

const otherCalls: readonly [what: string, call: (clerk: Clerk, options: never) => Promise<unknown>][] = [
  ['clerk.resolve()', (clerk, options) => clerk.resolve('/s', options)],
  ['clerk.list()', (clerk, options) => clerk.list('/**', options)],
  ['clerk.search()', (clerk, options) => clerk.search('/**', {}, options)],
  ['clerk.watch()', async (clerk, options) => clerk.watch('/**', options).next()],
  ['call() of /s', (clerk, options) => clerk.bind('/s').call(() => 1, options)],
  ['acquire() of /s', (clerk, options) => clerk.bind('/s').acquire(options)],
  ['ready() of /s', (clerk, options) => clerk.bind('/s').ready(options)],
];

test.each(otherCalls)(
  '%s refuses unknown options, and options of another type than an object',
  async (what, call) => {
    const { clerk } = cluster();
    for (const options of [null, 7, []]) {
      const error = await clerkErrorOf(call(clerk, options as never));
      expect(error.code).toBe('CONFIG_INVALID');
      expect(error.message).toContain(`Options of ${what} must be an object of options; got`);
    }
    const error = await clerkErrorOf(call(clerk, { host: 'a' } as never));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain(`${what}: option 'host' belongs to createClerk()`);
  },
);

test('clerk.request() refuses headers that are not pairs, and a second path', async () => {
  const { clerk } = cluster();
  const headers = await clerkErrorOf(clerk.request('/s/', { headers: new Set(['a']) as never }));
  expect(headers).toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'Request to /s/ is invalid: headers must be pairs of a name and a value',
  });
  const path = await clerkErrorOf(clerk.request('/s/', { path: '/other' } as never));
  expect(path.code).toBe('CONFIG_INVALID');
  expect(path.message).toContain("the path is given twice, as '/s/' and within the options");
});

test('a request of the dispatcher without a path is refused with a code', async () => {
  const error = await clerkErrorOf(
    new Promise((resolve, reject) => {
      const handler = {
        onConnect: () => undefined,
        onHeaders: () => true,
        onError: reject,
        onComplete: resolve,
      };
      cluster().clerk.dispatcher.dispatch({ origin: 'http://s.clerk', method: 'GET' } as never, handler);
    }),
  );
  expect(error).toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'Request to /s: path must be a string; got undefined',
  });
});

test('the error of an option of another function names that function', async () => {
  const s = cluster().clerk.bind('/s');
  for (const call of [
    s.json('/', { policy: 'random' } as never),
    s.call(() => 1, { policy: 'random' } as never),
  ])
    expect((await clerkErrorOf(call)).message).toContain("option 'policy' belongs to bind()");
});

test.each([
  [{ kind: 'safe' }, 'kind requires a host under .clerk; got http://127.0.0.1:9; remove this option'],
  [
    { timeoutMs: 50, retries: false },
    'timeoutMs, retries require a host under .clerk; got http://127.0.0.1:9; remove these options, or use a signal instead of timeoutMs',
  ],
] as const)('fetch of another host with %j is rejected', async (options, message) => {
  const error = await cluster()
    .clerk.fetch('http://127.0.0.1:9/', options)
    .catch((thrown: unknown) => (thrown as Error).cause as ClerkError);
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', message: `clerk.fetch(): ${message}` });
});

test('a policy function that picks none, throws or returns a foreign endpoint fails the call at once', async () => {
  const { clerk } = cluster();
  const noPick = await clerkErrorOf(clerk.bind('/s', { policy: () => undefined }).json('/'));
  expect(noPick).toMatchObject({ code: 'NO_ENDPOINT', execution: 'none' });
  expect(noPick.message).toContain('picked none of 2 candidates');
  const threw = await clerkErrorOf(
    clerk
      .bind('/s', {
        policy: () => {
          throw new Error('no idea');
        },
      })
      .json('/'),
  );
  expect(threw).toMatchObject({ code: 'CONFIG_INVALID' });
  expect(threw.message).toMatch(/\/s.*no idea/);
  const foreign = clerk.bind('/s', { policy: (candidates) => ({ ...candidates[0] }) as never });
  expect((await clerkErrorOf(foreign.json('/'))).code).toBe('CONFIG_INVALID');
});

test('a policy object that fails in prepare or pick, or picks a foreign endpoint, fails the call with its own code', async () => {
  const { clerk } = cluster();
  const none = (): undefined => undefined;
  const broken = (policy: Policy): Promise<ClerkError> =>
    clerkErrorOf(clerk.bind('/s', { policy }).json('/'));
  const raises = (): never => {
    throw new Error('no idea');
  };
  for (const [policy, message] of [
    [{ name: 'p', prepare: raises }, /policy of \/s failed: no idea/],
    [{ name: 'p', prepare: () => raises }, /policy of \/s failed: no idea/],
    [{ name: 'p', prepare: () => undefined as never }, /prepare\(\) of p must return a function/],
    [{ name: 'p', prepare: async () => none }, /prepare\(\) of p must return a function/],
    [{ name: 'p', prepare: () => () => ({}) }, /must return one of its/],
    [{ name: 'p', prepare: () => () => null }, /must return one of its/],
    [{ name: 'p', prepare: () => () => 'a' }, /must return one of its/],
    [{ name: 'p', prepare: () => async () => undefined }, /must return one of its/],
    [
      {
        name: 'p',
        prepare:
          ({ candidates }: PickerInput) =>
          () => ({ ...candidates[0] }),
      },
      /must return one of its/,
    ],
  ] as unknown as [Policy, RegExp][]) {
    const error = await broken(policy);
    expect(error).toMatchObject({ code: 'CONFIG_INVALID', execution: 'none' });
    expect(error.message).toMatch(message);
  }
  expect(await broken({ name: 'p', prepare: () => none })).toMatchObject({ code: 'NO_ENDPOINT' });
});

test('a policy object that fails in one prepare() chooses among all endpoints in the next call', async () => {
  const { clerk } = cluster();
  let prepared = 0;
  const policy: Policy = {
    name: 'p',
    prepare({ candidates }) {
      if (prepared++ === 0) throw new Error('not yet');
      return () => candidates[0];
    },
  };
  const s = clerk.bind('/s', { policy });
  expect(await clerkErrorOf(s.json('/'))).toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await s.json('/')).toEqual({ endpoint: 'a' });
});

test('a policy object that picks a removed endpoint fails the call', async () => {
  const runtime = createFakeRuntime({ seed: 1, autoAdvance: true });
  const network = createMemoryNetwork(runtime, { latencyMs: 0.5 });
  runtime.transport = network.transport;
  for (const host of ['a', 'b']) network.server(`http://${host}`);
  let host = 'a';
  const clerk = createClerk({
    runtime,
    registry: {
      resolve: async () => ({ kind: 'bound', endpoints: [{ address: `http://${host}` }], ttlMs: 100 }),
    },
  });
  let first: Candidate | undefined;
  const policy: Policy = {
    name: 'first',
    prepare: ({ candidates }) => {
      first ??= candidates[0];
      return () => first;
    },
  };
  const s = clerk.bind('/s', { policy });
  await (await s.request({ path: '/' })).body.dump();
  host = 'b';
  await runtime.advance(1_000);
  const error = await clerkErrorOf(s.request({ path: '/' }));
  expect(error.code).toBe('CONFIG_INVALID');
  expect(error.message).toContain('must return one of its');
  await clerk.destroy();
});

test('affinity keys must be strings; the empty string is a valid key', async () => {
  const { clerk } = cluster();
  const s = clerk.bind('/s', { policy: 'affinity' });
  for (const affinity of [123, {}, null, true, ['a']] as unknown as string[])
    expect((await clerkErrorOf(s.json('/', { affinity }))).code).toBe('CONFIG_INVALID');
  for (const returned of [123, {}, null, Promise.resolve('a')]) {
    const binding = clerk.bind('/s', { policy: 'affinity', affinity: () => returned as string });
    const error = await clerkErrorOf(binding.json('/'));
    expect(error.code).toBe('CONFIG_INVALID');
    expect(error.message).toContain('affinity function of /s failed');
  }
  const homes = new Set<unknown>();
  for (let i = 0; i < 10; i++)
    homes.add((await s.json<{ endpoint: string }>('/', { affinity: '' })).endpoint);
  expect(homes.size).toBe(1);
});

test.each([-1, NaN, Infinity, -Infinity, '1'])(
  'a weight of %j is rejected, for a static address and from a registry',
  async (weight) => {
    const endpoint = { address: 'http://127.0.0.1:9', weight } as never;
    expect(() => createClerk({ registry: { '/s': [endpoint] } })).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: expect.stringContaining('weight') as string,
      }) as Error,
    );
    const clerk = createClerk({
      registry: { resolve: async () => ({ kind: 'bound', endpoints: [endpoint] }) },
    });
    const error = await clerkErrorOf(clerk.bind('/s').json('/'));
    expect(error.code).toBe('REGISTRY_INVALID');
    expect(error.message).toContain('weight');
    await clerk.close();
  },
);

test('the arguments of registry queries are validated', async () => {
  const { clerk } = cluster();
  expect((await clerkErrorOf(clerk.search('/**', undefined as never))).code).toBe('CONFIG_INVALID');
  expect((await clerkErrorOf(clerk.search('/**', { zone: 5 } as never))).code).toBe('CONFIG_INVALID');
  expect(() => clerk.on('picked', undefined as never)).toThrow(/must be a function; got undefined/);
});

test('a request is validated before any lookup', async () => {
  const { clerk, cluster: servers } = cluster();
  const s = clerk.bind('/s');
  for (const options of [
    { path: 'x' },
    { path: '/x', pth: 1 },
    { path: '/x', kind: 'twice' },
    { path: '/x', timeoutMs: -1 },
    { path: '/x', signal: {} },
    '/x',
  ]) {
    expect((await clerkErrorOf(s.request(options as never))).code).toBe('CONFIG_INVALID');
  }
  expect((await clerkErrorOf(s.gather('/x' as never))).code).toBe('CONFIG_INVALID');
  expect((await clerkErrorOf(s.call(undefined as never))).code).toBe('CONFIG_INVALID');
  expect(servers.trace()).toBe('');
});

test('a request that undici rejects fails without a health penalty for the endpoint', async () => {
  const clerk = createClerk({ registry: { '/s': ['http://127.0.0.1:1', 'http://127.0.0.1:2'] } });
  const suspects: string[] = [];
  clerk.on('suspect', ({ endpoint }) => suspects.push(endpoint));
  const s = clerk.bind('/s');
  expect(await clerkErrorOf(s.text('/x?y=1', { query: { a: 1 } }))).toMatchObject({
    code: 'CONFIG_INVALID',
    execution: 'none',
  });
  expect((await clerkErrorOf(s.text('/x', { headers: { 'a b': '1' } }))).code).toBe('CONFIG_INVALID');
  expect((await clerkErrorOf(s.text('/x', { method: 'POST', body: { a: 1 } as never }))).code).toBe(
    'CONFIG_INVALID',
  );
  expect(suspects).toEqual([]);
  await clerk.close();
});

test('fetch rejects an invalid timeout, and call options for a host outside .clerk', async () => {
  const { clerk } = cluster();
  const error: unknown = await clerk
    .fetch('http://127.0.0.1:9/', { timeoutMs: 5 })
    .catch((reason: unknown) => reason);
  expect(error).toBeInstanceOf(TypeError);
  expect((error as Error).cause).toMatchObject({ code: 'CONFIG_INVALID' });
});

test('release() of an acquired endpoint requires a valid verdict', async () => {
  const { clerk } = cluster();
  const acquired = await clerk.bind('/s').acquire();
  expect(() => {
    acquired.release('great' as never);
  }).toThrow(/success, failure, ignored/);
  acquired.release('success');
});

test('BAD_STATUS names the request, the status and the body', async () => {
  const { clerk, cluster: servers } = memoryCluster({ '/s': ['a'] }, { seed: 1 });
  servers.respond('a', () => ({ statusCode: 404, body: 'nothing here' }));
  expect(await clerkErrorOf(clerk.bind('/s').json('/orders/7'))).toMatchObject({
    code: 'BAD_STATUS',
    statusCode: 404,
    bodyText: 'nothing here',
    execution: 'done',
    message: 'GET /orders/7 of /s received status 404',
  });
  servers.respond('a', () => ({ statusCode: 204, body: '' }));
  expect(await clerk.bind('/s').json('/')).toBeUndefined();
  servers.respond('a', () => ({ statusCode: 200, body: '<html>' }));
  expect(await clerkErrorOf(clerk.bind('/s').json('/'))).toMatchObject({
    code: 'BODY_INVALID',
    statusCode: 200,
  });
});

test.each([
  [{ path: '/x', query: 'a=1' }, /query .* plain object/],
  [{ path: '/x', query: ['a'] }, /query .* plain object/],
  [{ path: '/x', query: new URLSearchParams('a=1') }, /query .* plain object/],
  [{ path: '/x', method: 'CONNECT' }, /CONNECT/],
  [{ path: '/x', method: 'connect' }, /CONNECT/],
  [{ path: '/x', timeoutMs: 0 }, /timeoutMs must be a number of ms above 0 .*; got 0/],
  [{ path: '/x', kind: 'twice' }, /kind must be one of .*; got 'twice'/],
  [{ path: '/x', signal: {} }, /signal must be an AbortSignal/],
] as [object, RegExp][])(
  'a request %j is rejected before it is sent; the message names the service',
  async (options, message) => {
    const { clerk, cluster } = memoryCluster({ '/s': ['a', 'b'] }, { seed: 1 });
    const s = clerk.bind('/s');
    for (const method of ['request', 'json', 'text', 'bytes', 'gather'] as const) {
      const error = await clerkErrorOf(s[method](options as RequestOptions));
      expect(error).toMatchObject({ code: 'CONFIG_INVALID', execution: 'none' });
      expect(error.message).toMatch(message);
      expect(error.message).toMatch(/\/s\b/);
    }
    expect(cluster.requests('a') + cluster.requests('b')).toBe(0);
    await clerk.close();
  },
);

test('a path must be given once', async () => {
  const { clerk } = cluster();
  const s = clerk.bind('/s');
  expect((await clerkErrorOf(s.json('/x', { path: '/y' } as never))).message).toMatch(
    /path is given twice, as '\/x'/,
  );
  expect((await clerkErrorOf(s.json({ path: '/x' }, { method: 'GET' }))).message).toMatch(
    /options are given twice/,
  );
  await clerk.close();
});

test('an affinity is allowed with the policy of the service config and with a composed policy', async () => {
  const { clerk } = cluster();
  expect(await clerk.bind('/s', { affinity: 'me' }).json('/')).toBeDefined();
  expect(await clerk.bind('/s', { affinity: 'me', policy: localFirst() }).json('/')).toBeDefined();
  expect(await clerk.bind('/s', { policy: 'random' }).json('/', { affinity: 'me' })).toBeDefined();
  await clerk.close();
});
