/** Endpoints with a key that have registered before they accept connections. */
import { expect, test } from 'vitest';
import { registration } from '../name-server-harness.js';
import { pin, securedHarness } from './identity-harness.js';

test('a starting endpoint with a key and a certificate is in no list of endpoints', async () => {
  const { names, enrol, allow } = await securedHarness();
  await allow('/shop/*', '/**', 'read');
  const caller = { ...(await enrol('/shop/orders', pin(1))), cert: 'MIIB' };
  const starting = { state: 'starting', attributes: { state: 'up' } } as const;
  await names.register(registration('/shop/orders', 'a', starting), caller);
  expect(names.resolve('/shop/orders')).toMatchObject({
    endpoints: [],
    starting: [{ id: 'a', state: 'starting', key: pin(1), cert: 'MIIB' }],
  });
  const up = { attributes: { state: 'starting' }, epoch: 1 };
  await names.register(registration('/shop/orders', 'a', up), caller);
  const { endpoints } = names.resolve('/shop/orders');
  expect(endpoints).toMatchObject([{ id: 'a', state: 'up', key: pin(1) }]);
});
