import { expect, test } from 'vitest';
import { codeOf, localCaller, nameServerHarness, registration } from './name-server-harness.js';

const letters = 'abcdefghijklmnopqrstuvwxyz';

/** A name server with a service that has one running instance. */
async function running(name: string) {
  const harness = await nameServerHarness();
  const { names } = harness;
  const { epoch, secret } = await names.register(registration(name, 'one'), localCaller);
  const renew = (under: string) => {
    const { results, moved = [] } = harness.names.renew({
      renewals: [{ name: under, id: 'one', epoch, secret }],
    });
    return { result: results[0], name: moved[0]?.name };
  };
  const endpointsOf = (each: string) => harness.names.resolve(each).endpoints.map(({ id }) => id);
  return { harness, names, renew, endpointsOf, held: { id: 'one', epoch, secret } };
}

const targetsOf = (names: {
  list: (
    glob: string,
    after: undefined,
    max: number,
  ) => { entries: readonly { name: string; target?: string }[] };
}) => Object.fromEntries(names.list('/**', undefined, 100).entries.map(({ name, target }) => [name, target]));

test('after 25 moves, each former name leads to the service in one step, and its lease is renewed', async () => {
  const { names, renew, endpointsOf } = await running('/a');
  for (let i = 1; i < letters.length; i++)
    await names.move({ from: `/${letters.charAt(i - 1)}`, to: `/${letters.charAt(i)}` });
  for (const letter of letters) {
    expect(endpointsOf(`/${letter}`)).toEqual(['one']);
    expect(names.resolve(`/${letter}`).path).toHaveLength(letter === 'z' ? 1 : 2);
  }
  expect(renew('/a')).toEqual({ result: 'renewed', name: '/z' });
  expect(renew('/z')).toEqual({ result: 'renewed', name: undefined });
});

test('names below a moved directory lead to their present names in one step, also after it moves again', async () => {
  const { names, renew, endpointsOf } = await running('/shop/orders');
  await names.move({ from: '/shop/orders', to: '/shop/sales' });
  await names.move({ from: '/shop', to: '/eu/shop' });
  await names.move({ from: '/eu', to: '/world' });
  expect(targetsOf(names)).toEqual({
    '/eu': '/world',
    '/shop': '/world/shop',
    '/world/shop/orders': '/world/shop/sales',
    '/world/shop/sales': undefined,
  });
  expect(endpointsOf('/shop/orders')).toEqual(['one']);
  expect(renew('/shop/orders')).toEqual({ result: 'renewed', name: '/world/shop/sales' });
});

test('a move back is a move: the first name has the service again, and the other names lead to it', async () => {
  const { names, renew, endpointsOf } = await running('/a');
  await names.move({ from: '/a', to: '/b' });
  await names.move({ from: '/b', to: '/c' });
  expect(renew('/a')).toEqual({ result: 'renewed', name: '/c' });
  expect(renew('/c')).toEqual({ result: 'renewed', name: undefined });
  await names.move({ from: '/c', to: '/a' });
  expect(targetsOf(names)).toEqual({ '/a': undefined, '/b': '/a', '/c': '/a' });
  for (const name of ['/a', '/b', '/c']) expect(endpointsOf(name)).toEqual(['one']);
  expect(renew('/c')).toEqual({ result: 'renewed', name: '/a' });
  expect(renew('/a')).toEqual({ result: 'renewed', name: undefined });
  await names.move({ from: '/a', to: '/c' });
  expect(targetsOf(names)).toEqual({ '/a': '/c', '/b': '/c', '/c': undefined });
});

test('a directory without an entry moves back, and its link ends', async () => {
  const { names, endpointsOf } = await running('/a/b');
  await names.move({ from: '/a', to: '/d' });
  await names.move({ from: '/d', to: '/a' });
  expect(targetsOf(names)).toEqual({ '/a/b': undefined, '/d': '/a' });
  for (const name of ['/a/b', '/d/b']) expect(endpointsOf(name)).toEqual(['one']);
});

test('a name does not move to a name that belongs to another service, nor to its former names', async () => {
  const { names } = await running('/a');
  await names.define({ name: '/other' });
  await names.move({ from: '/a', to: '/b' });
  expect(await codeOf(names.move({ from: '/other', to: '/a' }))).toBe('FORBIDDEN');
  expect(await codeOf(names.move({ from: '/other', to: '/b' }))).toBe('FORBIDDEN');
});

test('a link of a client keeps its target when the target moves, and a service that uses the link keeps its name', async () => {
  const { names, endpointsOf, held } = await running('/a');
  await names.link({ name: '/current', target: '/a' });
  await names.register({ ...registration('/current', 'one'), ...held }, localCaller);
  await names.move({ from: '/a', to: '/b' });
  expect(targetsOf(names)).toEqual({ '/a': '/b', '/b': undefined, '/current': '/a' });
  expect(endpointsOf('/current')).toEqual(['one']);
  const { results, moved } = names.renew({ renewals: [{ name: '/current', ...held }] });
  expect([results, moved]).toEqual([['renewed'], undefined]);
});

test('a link that is moved itself becomes a link of the client', async () => {
  const { names, endpointsOf } = await running('/a');
  await names.move({ from: '/a', to: '/b' });
  await names.move({ from: '/a', to: '/c' });
  await names.move({ from: '/c', to: '/d' });
  expect(targetsOf(names)).toEqual({ '/a': '/d', '/b': undefined, '/c': '/d', '/d': '/b' });
  expect(endpointsOf('/a')).toEqual(['one']);
});

test('the former name stays until the service has renewed its lease under the present name', async () => {
  const { names, renew, endpointsOf, harness } = await running('/a');
  await names.move({ from: '/a', to: '/b' });
  await harness.runtime.advance(6_000);
  await expect(names.remove({ name: '/a' })).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY' });
  expect(renew('/a')).toEqual({ result: 'renewed', name: '/b' });
  await expect(names.remove({ name: '/a' })).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY' });
  expect(renew('/b')).toEqual({ result: 'renewed', name: undefined });
  await names.remove({ name: '/a' });
  expect(targetsOf(names)).toEqual({ '/b': undefined });
  expect(endpointsOf('/b')).toEqual(['one']);
});

test('the former name stays at most as long as the lease of a service that does not renew', async () => {
  const { names, harness } = await running('/a');
  await names.move({ from: '/a', to: '/b' });
  const { remainingMs } = (await names.remove({ name: '/a' }).catch((error: unknown) => error)) as {
    remainingMs: number;
  };
  expect(remainingMs).toBeLessThanOrEqual(10_000);
  await harness.runtime.advance(remainingMs + 5_000);
  await names.remove({ name: '/a' });
});

test('after a restart, the former name stays until the service has renewed its lease', async () => {
  const { names, renew, harness } = await running('/a');
  await names.define({ name: '/a', guaranteedMs: 0, whenExpired: true });
  await names.move({ from: '/a', to: '/b' });
  await harness.restart();
  await expect(harness.names.remove({ name: '/a' })).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY' });
  expect(renew('/b')).toEqual({ result: 'renewed', name: undefined });
  await harness.runtime.advance(6_000);
  await harness.names.remove({ name: '/a' });
});

test.each(['renewal', 'registration', 'withdrawal'])(
  'a service that uses a name removed by force keeps its registration with its %s',
  async (request) => {
    const { names, renew, endpointsOf, held } = await running('/a');
    await names.move({ from: '/a', to: '/b' });
    await names.remove({ name: '/a', force: true });
    if (request === 'renewal') expect(renew('/a')).toEqual({ result: 'renewed', name: '/b' });
    if (request === 'registration') {
      const { epoch, name } = await names.register({ ...registration('/a', 'one'), ...held }, localCaller);
      expect([epoch, name]).toEqual([held.epoch, '/b']);
    }
    if (request === 'withdrawal') await names.withdraw({ name: '/a', ...held, now: true }, localCaller);
    expect(endpointsOf('/b')).toEqual(request === 'withdrawal' ? [] : ['one']);
    expect(targetsOf(names)).toEqual({ '/b': undefined });
  },
);

test('another process does not get the registration of a former name without its secret', async () => {
  const { names, held } = await running('/a');
  await names.move({ from: '/a', to: '/b' });
  await names.remove({ name: '/a', force: true });
  const { epoch } = await names.register({ ...registration('/a', 'one'), secret: 'x' }, localCaller);
  // No name assigns an epoch again that it has assigned before a move.
  expect(epoch).toBeGreaterThan(held.epoch);
  expect(targetsOf(names)).toEqual({ '/a': undefined, '/b': undefined });
});

test('a registration under a former name states the present name', async () => {
  const { names } = await running('/a');
  await names.move({ from: '/a', to: '/b' });
  const { name } = await names.register(registration('/a', 'two'), localCaller);
  expect(name).toBe('/b');
  expect(await names.register(registration('/b', 'three'), localCaller)).not.toHaveProperty('name');
});

test('the link at the old name continues the guarantee of the moved entry and of the entries below it', async () => {
  const { harness, names } = await running('/a');
  await names.define({ name: '/a/b', guaranteedMs: 60_000 });
  names.resolve('/a/b');
  await names.withdraw({ name: '/a', id: 'one', epoch: 1, now: true }, localCaller);
  await names.move({ from: '/a', to: '/c' });
  const { remainingMs } = (await names.remove({ name: '/a' }).catch((error: unknown) => error)) as {
    remainingMs: number;
  };
  expect(remainingMs).toBeGreaterThan(55_000);
  await harness.restart();
  await harness.runtime.advance(50_000);
  await expect(harness.names.remove({ name: '/a' })).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY' });
});

test('a move back continues the guarantees that the link and the entry have given', async () => {
  const { names, harness, renew } = await running('/a');
  await names.move({ from: '/a', to: '/b' });
  renew('/b');
  await harness.runtime.advance(6_000);
  names.resolve('/b');
  await names.move({ from: '/b', to: '/a' });
  await expect(names.define({ name: '/a', policy: 'random' })).rejects.toMatchObject({
    code: 'CHANGE_TOO_EARLY',
  });
});

test('a name whose change is scheduled does not move, and moves after the change is cancelled', async () => {
  const { names } = await running('/a');
  names.resolve('/a');
  await names.define({ name: '/a', policy: 'random', whenExpired: true });
  await expect(names.move({ from: '/a', to: '/b' })).rejects.toMatchObject({ code: 'CHANGE_TOO_EARLY' });
  await names.cancel({ name: '/a' });
  await names.move({ from: '/a', to: '/b' });
  expect(names.resolve('/a')).toMatchObject({ canonical: '/b', policy: null });
});
