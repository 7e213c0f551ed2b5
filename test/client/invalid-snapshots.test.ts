/** Snapshots that a watch of a registry port delivers and that are invalid. In virtual time. */
import { createClerk, firstOf, mount, union } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { describe, expect, test } from 'vitest';

const bound = (...ids: string[]) => ({
  kind: 'bound' as const,
  endpoints: ids.map((id) => ({ id, address: `http://${id}` })),
  ttlMs: 60_000,
});

const throwing = (key: string) => ({
  get [key](): never {
    throw new Error('The getter failed');
  },
});

const invalidSnapshots: Record<string, unknown> = {
  'a number': 42,
  'a text': 'x',
  null: null,
  undefined,
  'a list': [],
  'a promise of a snapshot': Promise.resolve({ '/shop/orders': bound('b') }),
  'a Set': new Set(),
  'a Map with a key that is not a name': new Map([[5, 6]]),
  'an object with a key that is not a name': { 'shop orders': bound('b') },
  'an object with a getter that throws': throwing('/shop/orders'),
  'a resolution with a getter that throws': { '/shop/orders': throwing('kind') },
  'a resolution that is a number': { '/shop/orders': 7 },
  'a resolution that is null': new Map([['/shop/orders', null]]),
};

/** A clerk whose registry lists endpoint a, and delivers the snapshots that the test pushes. */
function setup(wrap: (registry: Registry) => Registry = (registry) => registry) {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  for (const id of ['a', 'b'])
    network.server(`http://${id}`).handler = () => ({ statusCode: 200, body: `"${id}"` });
  const warnings: string[] = [];
  const ignore = (): void => undefined;
  const port = { push: ignore as (snapshot: unknown) => void };
  const clerk = createClerk({
    runtime,
    logger: { debug: ignore, info: ignore, error: ignore, warn: (text) => warnings.push(text) },
    registry: wrap({
      resolve: () => bound('a'),
      watch: (_glob, onSnapshot) => {
        port.push = onSnapshot as (snapshot: unknown) => void;
        return ignore;
      },
    }),
  });
  return { clerk, port, warnings };
}

describe.each(Object.entries(invalidSnapshots))('a snapshot that is %s', (_title, snapshot) => {
  test('leaves the endpoints of a binding in use, and is logged once', async () => {
    const { clerk, port, warnings } = setup();
    const orders = clerk.bind('/shop/orders');
    expect(await orders.json('/')).toBe('a');

    port.push(snapshot);
    port.push(snapshot);

    expect(await orders.json('/')).toBe('a');
    expect(warnings).toEqual([expect.stringMatching(/^The registry's .* is invalid: .*; the last known/)]);
    port.push({ '/shop/orders': bound('b') });
    expect(await orders.json('/')).toBe('b');
    port.push(snapshot);
    expect(warnings).toHaveLength(2);
    await clerk.close();
  });

  test('yields no change of a watch, and is logged once', async () => {
    const { clerk, port, warnings } = setup();
    const changes = clerk.watch('/shop/*');
    port.push({ '/shop/orders': bound('a') });
    expect((await changes.next()).value).toMatchObject({ type: 'put', name: '/shop/orders' });
    const next = changes.next();

    port.push(snapshot);
    port.push(snapshot);

    port.push({ '/shop/orders': bound('b') });
    expect((await next).value).toMatchObject({ type: 'put', endpoints: [{ id: 'b' }] });
    expect(warnings).toEqual([expect.stringMatching(/is invalid: .*; the snapshot is ignored$/)]);
    await clerk.close();
  });

  test.each<[string, (registry: Registry) => Registry]>([
    ['firstOf()', (registry) => firstOf(registry, {})],
    ['union()', (registry) => union(registry, {})],
  ])('leaves the endpoints in use under %s', async (_name, wrap) => {
    const { clerk, port, warnings } = setup(wrap);
    const orders = clerk.bind('/shop/orders');
    expect(await orders.json('/')).toBe('a');
    port.push({ '/shop/orders': bound('a') });

    port.push(snapshot);

    expect(await orders.json('/')).toBe('a');
    expect(warnings).toHaveLength(1);
    await clerk.close();
  });
});

test('a mounted registry with an invalid snapshot leaves the endpoints in use', async () => {
  const { clerk, port, warnings } = setup((registry) => mount('/shop', registry));
  const orders = clerk.bind('/shop/orders');
  expect(await orders.json('/')).toBe('a');

  port.push(42);

  expect(await orders.json('/')).toBe('a');
  expect(warnings).toEqual([expect.stringContaining('got 42')]);
  await clerk.close();
});

test('the valid part of an invalid snapshot is delivered with the next valid snapshot', async () => {
  const { clerk, port } = setup();
  const changes = clerk.watch('/shop/*');
  port.push({ '/shop/a': bound('a'), '/shop/b': 7 });
  port.push({ '/shop/a': bound('a'), '/shop/b': bound('b') });

  const names = [(await changes.next()).value, (await changes.next()).value].map(
    ({ name }) => name as string,
  );

  expect(names).toEqual(['/shop/a', '/shop/b']);
  await clerk.close();
});

test('an empty snapshot is valid and clears the name', async () => {
  const { clerk, port, warnings } = setup();
  const orders = clerk.bind('/shop/orders');
  await orders.json('/');

  port.push({});

  await expect(orders.json('/')).rejects.toMatchObject({ code: 'NAME_NOT_FOUND' });
  expect(warnings).toEqual([]);
  await clerk.close();
});
