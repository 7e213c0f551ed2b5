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
