import { expect, test } from 'vitest';
import type { ClerkError } from '../../../src/core/errors.js';
import { localCaller, nameServerHarness, registration } from './name-server-harness.js';

test('a store of a later version or with a damaged record is not opened', async () => {
  const damage = async (key: string, value: string): Promise<string> => {
    const { names, store } = await nameServerHarness();
    await names.register(registration('/a', 'i'), localCaller);
    await names.close();
    store.records.set(key, value);
    return nameServerHarness({ store }).then(
      () => 'opened',
      (error: unknown) => `${(error as ClerkError).code}: ${(error as ClerkError).message}`,
    );
  };
  expect(await damage('m format', '2')).toMatch(
    /^REGISTRY_INVALID: The format version of the store must be at most 1; got 2, the format of a later version of the server;/,
  );
  for (const key of ['e /a', 'p /a i', 'c /a', 'f /a j', 'l /a i', 'm revision', 'm floor', 'e //', 'y /a'])
    expect(await damage(key, '{"kind":"servi'), key).toMatch(
      `REGISTRY_INVALID: Record '${key}' of the store is damaged`,
    );
  expect(
    await damage(
      'p /gone i',
      '{"principal":"x","endpoint":{"id":"i","epoch":1,"leaseMs":1000,"addresses":[]}}',
    ),
  ).toMatch("'e /gone'");
  expect(await damage('e /b', '{"kind":"link","target":"/a","guaranteedMs":0}')).toBe('opened');
});
