import { expect, test } from 'vitest';
import { localCaller, nameServerHarness, registration } from './name-server-harness.js';

test('search filters by zone, host, version and attributes', async () => {
  const { names } = await nameServerHarness();
  await names.register(
    registration('/a', 'i', { zone: 'x', attributes: { tier: 'gold', zone: 'y' } }),
    localCaller,
  );
  await names.register(registration('/a', 'j', { zone: 'y', version: '1.0.0' }), localCaller);
  const found = (filter: Record<string, string>) =>
    names
      .search('/**', filter)
      .entries.flatMap(({ name, endpoints }) => endpoints.map(({ id }) => `${name} ${id}`));
  expect(found({ zone: 'y' })).toEqual(['/a j']);
  expect(found({ tier: 'gold' })).toEqual(['/a i']);
  expect(found({ tier: 'gold', zone: 'y' })).toEqual([]);
  expect(found({})).toEqual(['/a i', '/a j']);
});

test('search by instance id finds the services of one instance, before an attribute of the same name', async () => {
  const { names } = await nameServerHarness();
  await names.register(registration('/a', 'i', { zone: 'x' }), localCaller);
  await names.register(registration('/b', 'i', { zone: 'y' }), localCaller);
  await names.register(registration('/b', 'j', { attributes: { id: 'i' } }), localCaller);
  const found = (filter: Record<string, string>, glob = '/**') =>
    names
      .search(glob, filter)
      .entries.flatMap(({ name, endpoints }) => endpoints.map(({ id }) => `${name} ${id}`));
  expect(found({ id: 'i' })).toEqual(['/a i', '/b i']);
  expect(found({ id: 'i', zone: 'y' })).toEqual(['/b i']);
  expect(found({ id: 'i' }, '/b')).toEqual(['/b i']);
  expect(found({ id: 'k' })).toEqual([]);
});

/** Reads all pages of a search. */
function pagesOf(
  names: Pick<Awaited<ReturnType<typeof nameServerHarness>>['names'], 'search'>,
  glob: string,
): string[][] {
  const pages: string[][] = [];
  let after: string | undefined;
  do {
    const { entries, next } = names.search(glob, {}, after);
    pages.push(entries.map(({ name }) => name));
    after = next ?? undefined;
  } while (after !== undefined);
  return pages;
}

test('a page of a search has at most 1,000 services, and the pages together have each service once', async () => {
  const { names } = await nameServerHarness({ maxRegistrations: 10_000 });
  const all = Array.from({ length: 2_001 }, (_, i) => `/shop/s${String(i).padStart(4, '0')}`);
  for (const name of all) await names.register(registration(name, 'a'), localCaller);
  await names.define({ name: '/shop/s0000/empty' });
  const pages = pagesOf(names, '/**');
  expect(pages.map(({ length }) => length)).toEqual([1_000, 1_000, 1]);
  expect(pages.flat()).toEqual(all);
});

test('a page of a search ends before it is larger than the largest service', async () => {
  const { names } = await nameServerHarness();
  const all = Array.from({ length: 600 }, (_, i) => `/shop/s${String(i).padStart(4, '0')}`);
  const attributes = { text: 'x'.repeat(7_000) };
  for (const name of all) await names.register(registration(name, 'a', { attributes }), localCaller);
  const pages = pagesOf(names, '/**');
  expect(pages.flat()).toEqual(all);
  const sizes = pages.map((page, i) =>
    Buffer.byteLength(JSON.stringify(names.search('/**', {}, pages[i - 1]?.at(-1)))),
  );
  expect(pages.length).toBe(2);
  expect(Math.max(...sizes)).toBeLessThan(4 * 1024 * 1024);
});

test('whois returns the endpoints with an address, after moves, changes and removals', async () => {
  const { names } = await nameServerHarness();
  const addresses = ['http://10.0.0.1:80', 'unix:/run/a.sock'];
  await names.register(registration('/a', 'i', { addresses }), localCaller);
  await names.register(registration('/b', 'j', { addresses: ['http://10.0.0.1:80/'] }), localCaller);
  const owners = () => names.whois('http://10.0.0.1:80').owners.map(({ name, id }) => `${name} ${id}`);
  expect(owners()).toEqual(['/a i', '/b j']);
  await names.move({ from: '/a', to: '/c' });
  expect(owners().sort()).toEqual(['/b j', '/c i']);
  await names.register(registration('/b', 'j', { epoch: 1, addresses: ['http://10.0.0.2:80'] }), localCaller);
  expect(owners()).toEqual(['/c i']);
  await names.remove({ name: '/c', recursive: true });
  expect(owners()).toEqual([]);
});
