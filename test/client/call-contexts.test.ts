/** Each use of an async context: what runs in the context of a call, and what runs in that of the clerk. In virtual time. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { createClerk, type BindOptions } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';

const requestId = new AsyncLocalStorage<string>();
const here = (): string => requestId.getStore() ?? 'none';

/** A clerk that was created in the context `clerk`, and three servers. */
function setup(registry: Partial<Registry> = {}) {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const endpoints = ['http://a', 'http://b', 'http://c'];
  for (const origin of endpoints)
    network.server(origin).handler = () => ({ statusCode: 200, body: JSON.stringify(origin) });
  const clerk = requestId.run('clerk', () =>
    createClerk({
      registry: { resolve: () => ({ kind: 'bound', endpoints }), ...registry },
      runtime,
    }),
  );
  onTestFinished(() => clerk.destroy());
  return { clerk, runtime, network, endpoints };
}

/** Binding options whose policy records the context of each pick, and takes the first candidate. */
function recordingPolicy(seen: string[]): BindOptions {
  return {
    policy: ([first]) => {
      seen.push(here());
      return first;
    },
  };
}

test.each([
  ['joins a late attempt', { behavior: 'hang' }],
  ['retries after a reset', { behavior: 'reset-after' }],
  ['retries after a 503', { statusCode: 503 }],
] as const)('the policy runs in the context of the call that %s', async (_, reply) => {
  const { clerk, network } = setup();
  const seen = new Map<string, Set<string>>();
  const bindings = ['one', 'two', 'three'].map((id) => {
    const contexts: string[] = [];
    seen.set(id, new Set());
    return { id, contexts, binding: clerk.bind(`/${id}`, recordingPolicy(contexts)) };
  });
  network.server('http://a').handler = () => ({ ...reply });

  await Promise.all(bindings.map(({ id, binding }) => requestId.run(id, () => binding.json('/'))));

  for (const { id, contexts } of bindings) {
    expect(contexts.length).toBeGreaterThan(1);
    expect(new Set(contexts)).toEqual(new Set([id]));
  }
});

test('a hedged attempt is picked in the context of its call', async () => {
  const { clerk, network } = setup();
  network.server('http://a').handler = () => ({ statusCode: 200, body: '1', delayMs: 200 });
  const bindings = ['one', 'two'].map((id) => {
    const contexts: string[] = [];
    const hedge = { afterMs: 20, budgetRatio: 1 };
    return { id, contexts, binding: clerk.bind(`/${id}`, { ...recordingPolicy(contexts), hedge }) };
  });
  for (let round = 0; round < 3; round++)
    await Promise.all(bindings.map(({ id, binding }) => requestId.run(id, () => binding.json('/'))));
  for (const { id, contexts } of bindings) {
    expect(contexts.length).toBeGreaterThan(3);
    expect(new Set(contexts)).toEqual(new Set([id]));
  }
});

test('a lookup after a server became unreachable runs in the context of the clerk', async () => {
  const lookups: string[] = [];
  const { clerk, network, runtime } = setup({
    resolve: () => {
      lookups.push(here());
      return { kind: 'bound', endpoints: ['http://a', 'http://b'], ttlMs: 3_600_000 };
    },
  });
  const orders = clerk.bind('/shop/orders', { policy: ([first]) => first });
  await requestId.run('first', () => orders.json('/'));
  network.server('http://a').kill();
  await requestId.run('second', () => orders.json('/'));
  await runtime.advance(100);
  expect(lookups[0]).toBe('first');
  expect(lookups.length).toBeGreaterThan(1);
  expect(lookups.slice(1).filter((context) => context === 'first')).toEqual([]);
  expect(lookups).toContain('clerk');
});

test('the background retries of a failed lookup run in the context of the clerk', async () => {
  const lookups: string[] = [];
  let isDown = false;
  const { clerk, runtime } = setup({
    resolve: () => {
      lookups.push(here());
      if (isDown) throw new Error('down');
      return { kind: 'bound', endpoints: ['http://a'], ttlMs: 1_000 };
    },
  });
  const orders = clerk.bind('/shop/orders');
  await requestId.run('first', () => orders.json('/'));
  isDown = true;
  await runtime.advance(2_000);
  lookups.length = 0;
  await requestId.run('second', () => orders.json('/'));
  await runtime.advance(3_000);
  expect(lookups.length).toBeGreaterThan(2);
  expect(new Set(lookups.slice(1))).toEqual(new Set(['clerk']));
});

test('the events of health run in the context of the clerk', async () => {
  const { clerk, network, runtime } = setup();
  const seen: string[] = [];
  for (const event of ['suspect', 'ejected', 'revived'] as const)
    clerk.on(event, () => seen.push(`${event} in ${here()}`));
  const orders = clerk.bind('/shop/orders', { policy: ([first]) => first });
  await requestId.run('first', () => orders.json('/'));
  network.server('http://a').kill();
  for (let i = 0; i < 10; i++) {
    await requestId.run(`call ${String(i)}`, () => orders.json('/'));
    await runtime.advance(200);
  }
  network.server('http://a').accept();
  for (let i = 0; i < 20; i++) {
    await requestId.run(`later ${String(i)}`, () => orders.json('/'));
    await runtime.advance(200);
  }
  expect(seen.map((text) => text.split(' ')[0])).toEqual(
    expect.arrayContaining(['suspect', 'ejected', 'revived']),
  );
  expect(seen.filter((text) => !text.endsWith(' in clerk'))).toEqual([]);
});

test.each(['a policy', 'an affinity function', 'routeOf', 'call()', 'a listener'])(
  'a call made within %s of another call has no option of that call',
  async (place) => {
    const { clerk, network } = setup();
    const received: string[] = [];
    for (const origin of ['http://a', 'http://b', 'http://c'])
      network.server(origin).handler = ({ method, path, headers }) => {
        if (path !== '/inner') return { statusCode: 200, body: '1' };
        const own = Object.keys(headers).filter((name) => name.startsWith('clerk-') || name === 'x-outer');
        received.push([method, ...own].join());
        return { behavior: 'reset-after' };
      };
    const affinities: (string | undefined)[] = [];
    const inner = clerk.bind('/inner', {
      policy: ([first], { affinity }) => {
        affinities.push(affinity);
        return first;
      },
    });
    const nested: Promise<unknown>[] = [];
    let isOuter = false;
    const nest = (at: string): void => {
      if (!isOuter || at !== place) return;
      isOuter = false;
      nested.push(inner.request({ path: '/inner', method: 'POST' }).catch((error: unknown) => error));
    };
    clerk.on('picked', () => nest('a listener'));
    const outer = clerk.bind('/outer', {
      policy: ([first]) => {
        nest('a policy');
        return first;
      },
      affinity: () => {
        nest('an affinity function');
        return 'outer key';
      },
      routeOf: () => {
        nest('routeOf');
        return 'outer';
      },
    });
    const options = {
      timeoutMs: 4_000,
      kind: 'idempotent',
      retries: { max: 4 },
      attemptTimeoutMs: 3_000,
    } as const;
    await clerk.bind('/inner').json('/');
    await outer.json('/');
    isOuter = true;
    if (place === 'call()') await outer.call(() => nest('call()'), options);
    else
      await outer.json('/', {
        ...options,
        method: 'PUT',
        headers: { 'x-outer': '1' },
        body: 'secret',
        ...(place !== 'an affinity function' && { affinity: 'outer key' }),
      });

    const [error] = await Promise.all(nested);
    expect(error).toMatchObject({ code: 'OUTCOME_UNKNOWN' });
    expect(received).toEqual(['POST']);
    expect(affinities).toEqual([undefined]);
  },
);
