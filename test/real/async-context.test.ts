/** AsyncLocalStorage is preserved in policies, affinity functions, call() functions, factories and the code after every await. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, onTestFinished, test } from 'vitest';
import { createClerk, type Clerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { testClerk } from './test-clerk.js';
import { rawPeer } from './raw-peer.js';
import { unusedAddress, webServer } from './web-server.js';

const requestId = new AsyncLocalStorage<string>();
const here = (): string => requestId.getStore() ?? 'none';

const hello = () => webServer((_request, response) => void response.end('{"ok":true}'));

/** Runs twenty calls at once, each in its own async context, and returns the results. */
function inContexts<T>(run: (id: string) => Promise<T>): Promise<T[]> {
  return Promise.all(
    Array.from({ length: 20 }, (_, i) => requestId.run(`call ${i}`, () => run(`call ${i}`))),
  );
}

test('the policy runs in the context of the call: first, cached and after a failure', async () => {
  const peer = await rawPeer('reset');
  const server = await hello();
  const seen = new Map<string, Set<string>>();
  const { clerk } = testClerk([peer.address, server.address]);
  const orders = clerk.bind('/shop/orders', {
    policy: ([first], { affinity }) => {
      const contexts = seen.get(String(affinity)) ?? new Set();
      seen.set(String(affinity), contexts.add(here()));
      return first;
    },
  });

  for (let round = 0; round < 2; round++) await inContexts((id) => orders.json('/orders', { affinity: id }));

  expect(seen.size).toBe(20);
  for (const [id, contexts] of seen) expect([...contexts]).toEqual([id]);
});

test('also when the broken connection was opened by another call', async () => {
  const peer = await rawPeer('respond');
  const server = await hello();
  const { clerk } = testClerk([peer.address, server.address], { connections: 1 });
  const seen: string[] = [];
  const orders = clerk.bind('/shop/orders', {
    policy: ([first]) => {
      seen.push(here());
      return first;
    },
  });
  await requestId.run('first', () => orders.json('/orders'));
  peer.behavior = 'reset';
  seen.length = 0;

  await requestId.run('second', () => orders.json('/orders'));

  expect(peer.executed.map(({ connection }) => connection)).toEqual([1, 1]);
  expect(seen.length).toBeGreaterThan(1);
  expect(new Set(seen)).toEqual(new Set(['second']));
});

test('the affinity function runs in the context of the call', async () => {
  const server = await hello();
  const { clerk } = testClerk([server.address]);
  const wrong: string[] = [];
  const orders = clerk.bind('/shop/orders', {
    policy: 'affinity',
    affinity: (path) => {
      if (path !== `/${encodeURIComponent(here())}`) wrong.push(`${path} in ${here()}`);
      return path;
    },
  });

  await inContexts((id) => orders.json(`/${encodeURIComponent(id)}`));
  await inContexts((id) =>
    orders.request({ path: `/${encodeURIComponent(id)}` }).then(({ body }) => body.dump()),
  );
  await inContexts((id) =>
    clerk.fetch(`http://orders.shop.clerk/${encodeURIComponent(id)}`).then((response) => response.text()),
  );
  expect(wrong).toEqual([]);
});

test('the function of call() runs in the context of the call on every attempt', async () => {
  const { orders } = testClerk(['tcp://127.0.0.1:1', 'tcp://127.0.0.1:2', 'tcp://127.0.0.1:3']);

  const seen = await inContexts((id) => {
    const contexts: string[] = [];
    return orders
      .call(
        async (_endpoint, { attempt }) => {
          contexts.push(here());
          await Promise.resolve();
          contexts.push(here());
          if (attempt < 2) throw new Error('Not here');
          return contexts;
        },
        { kind: 'idempotent' },
      )
      .then((all) => [id, ...all]);
  });

  for (const [id, ...contexts] of seen) expect(contexts).toEqual(Array(contexts.length).fill(id));
  expect(Math.max(...seen.map((contexts) => contexts.length))).toBe(5);
});

test('a shared lookup runs in the context of its first caller, and all callers keep their own', async () => {
  const server = await hello();
  const lookups: string[] = [];
  const registry: Registry = {
    resolve: async () => {
      lookups.push(here());
      return { kind: 'bound', endpoints: [server.address] };
    },
  };
  const clerk = createClerk({ registry });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders');

  const after = await inContexts(async (id) => {
    await orders.json('/orders');
    return here() === id;
  });

  expect(lookups).toEqual(['call 0']);
  expect(after).toEqual(Array(20).fill(true));
});

test('the code after a call keeps its context, whatever happened to the call', async () => {
  const server = await hello();
  const busy = await webServer(
    (_request, response) => void response.writeHead(503, { 'retry-after': '0' }).end('busy'),
  );
  const clerks = [
    testClerk([server.address]),
    testClerk([await unusedAddress(), server.address]),
    testClerk([busy.address, server.address]),
    testClerk([(await rawPeer('reset')).address, server.address]),
    testClerk([(await rawPeer('reset-in-body')).address]),
    testClerk([await unusedAddress()]),
  ];
  const ways = ({ orders, clerk }: (typeof clerks)[number]): (() => Promise<unknown>)[] => [
    () => orders.json('/orders'),
    () => orders.request({ path: '/orders' }).then(({ body }) => body.text()),
    () => clerk.fetch('http://orders.shop.clerk/orders').then((response) => response.text()),
    () => orders.acquire().then((acquired) => acquired.release('success')),
    () => orders.call(() => 1),
    () => clerk.resolve('/shop/orders'),
  ];

  const wrong: string[] = [];
  await inContexts(async (id) => {
    for (const one of clerks) {
      for (const [i, way] of ways(one).entries()) {
        const context = await way().then(here, here);
        if (context !== id || here() !== id) wrong.push(`way ${i}: ${context} in ${id}`);
      }
    }
  });
  expect(wrong).toEqual([]);
});

test('body chunks arrive in the context of the call', async () => {
  const server = await webServer((_request, response) => {
    response.write('a');
    setTimeout(() => response.end('b'), 5);
  });
  const { orders } = testClerk([server.address]);

  const wrong = await inContexts(async (id) => {
    const { body } = await orders.request({ path: '/orders' });
    const seen = new Set<string>();
    await new Promise((resolve) =>
      body.on('data', () => seen.add(here())).on('end', () => resolve(seen.add(here()))),
    );
    return [...seen].filter((context) => context !== id);
  });
  expect(wrong.flat()).toEqual([]);
});

test('no context is retained after its call', async () => {
  const server = await hello();
  const { clerk }: { clerk: Clerk } = testClerk([server.address]);
  const orders = clerk.bind('/shop/orders');
  await requestId.run('first', () => orders.json('/orders'));

  // Timers and sockets created by the first call must not carry its context into later calls.
  expect(await requestId.run('second', () => orders.json('/orders').then(here))).toBe('second');
  expect(await orders.json('/orders').then(here)).toBe('none');
});

test("undici's diagnostics of a call are published in its context, also when it waits for a connection", async () => {
  const server = await hello();
  const { orders } = testClerk([server.address], { connections: 1 });
  const seen: string[] = [];
  for (const name of [
    'undici:request:create',
    'undici:client:sendHeaders',
    'undici:request:bodySent',
    'undici:request:headers',
    'undici:request:trailers',
  ]) {
    const onMessage = (message: unknown): void => {
      const { path } = (message as { request: { path: string } }).request;
      seen.push(`${path} in ${here()}`);
    };
    subscribe(name, onMessage);
    onTestFinished(() => void unsubscribe(name, onMessage));
  }

  await inContexts((id) => orders.text(`/${id.replace(' ', '-')}`));

  const expected = Array.from({ length: 20 }, (_, i) => `/call-${String(i)} in call ${String(i)}`);
  expect(new Set(seen)).toEqual(new Set(expected));
  expect(seen).toHaveLength(100);
});

const calls = ['json', 'request', 'call', 'fetch'] as const;

test.each(['no-response', 'reset', 'reset-in-body', 'respond'] as const)(
  'listeners run in the context of the call to which the event belongs, when the first endpoint does: %s',
  async (behavior) => {
    const server = await hello();
    const peers = await Promise.all(Array.from({ length: 6 }, () => rawPeer(behavior)));
    const registry = Object.fromEntries(peers.map(({ address }, i) => [`/s${i}`, [address, server.address]]));
    const clerk = createClerk({ registry });
    onTestFinished(() => clerk.destroy());
    const bindings = peers.map((_peer, i) => clerk.bind(`/s${i}`, { policy: ([first]) => first }));
    const wrong = new Set<string>();
    const seen = new Set<string>();
    for (const event of ['picked', 'attempt', 'failover'] as const)
      clerk.on(event, ({ name }: { readonly name: string }) => {
        seen.add(event);
        if (here() !== name) wrong.add(`${event} of ${name} in ${here()}`);
      });
    for (const event of ['ejected', 'suspect', 'revived'] as const)
      clerk.on(event, () => {
        if (here() !== 'none') wrong.add(`${event} in ${here()}`);
      });

    for (let i = 0; i < 3 * calls.length; i++)
      await Promise.all(
        bindings.map((binding) =>
          requestId.run(binding.name, async () => {
            switch (calls[i % calls.length]) {
              case 'json':
                return binding.json('/');
              case 'request':
                return (await binding.request({ path: '/' })).body.dump().catch(() => undefined);
              case 'call':
                return binding.call(
                  ({ address }) => (address === server.address ? 1 : new Promise<number>(() => undefined)),
                  { kind: 'safe' },
                );
              default:
                return (await clerk.fetch(`http://${binding.name.slice(1)}.clerk/`)).text().catch(() => '');
            }
          }),
        ),
      );

    expect([...wrong]).toEqual([]);
    expect(seen.size).toBeGreaterThan(1);
  },
);

test('a call made by a policy leaves the affinity key that the policy sees unchanged', async () => {
  const server = await hello();
  const { clerk } = testClerk([server.address]);
  const seen: unknown[] = [];
  let nested: Promise<unknown> | undefined;
  const orders = clerk.bind('/shop/orders', {
    policy: ([first], context) => {
      if (context.affinity === 'outer') nested ??= orders.json('/audit', { affinity: 'inner' });
      seen.push(context.affinity);
      return first;
    },
  });
  await orders.json('/orders');
  seen.length = 0;

  await orders.json('/orders', { affinity: 'outer' });
  await nested;

  expect(seen).toEqual(['inner', 'outer']);
});
