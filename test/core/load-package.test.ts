/** What a program learns if its bundle lacks a package. */
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test, vi } from 'vitest';
import { loadPackage } from '../../src/core/load-package.js';
import { undici } from '../../src/transport/load-undici.js';

function thrownBy(run: () => unknown): unknown {
  try {
    run();
  } catch (error) {
    return error;
  }
  throw new Error('The function must throw');
}

test('a package that cannot be loaded is named, and the global require is as before', () => {
  const before = 'require' in globalThis;
  let during = false;
  const error = thrownBy(() =>
    loadPackage('undici', () => {
      during = 'require' in globalThis;
      throw new Error("Cannot find module 'x'");
    }),
  ) as Error;
  expect(error).toMatchObject({ code: 'CONFIG_INVALID', cause: { message: "Cannot find module 'x'" } });
  expect(error.message).toMatch(/^The package undici cannot be loaded: .*include it in the bundle/);
  expect(error.message).not.toContain("option 'undici'");
  expect(during).toBe(true);
  expect('require' in globalThis).toBe(before);
});

test('a client of undici that cannot be created is blamed on the option undici only if it is given', () => {
  vi.spyOn(undici(), 'Client').mockImplementation(function () {
    throw new Error("Cannot find module 'x'");
  });
  const registry = { '/shop/orders': 'http://127.0.0.1:9' };
  expect(thrownBy(() => createClerk({ registry, undici: { pipelining: 1 } }))).toMatchObject({
    code: 'CONFIG_INVALID',
    message: "undici rejects the option 'undici' of createClerk(): Cannot find module 'x'",
  });
  for (const options of [{}, { undici: {} }]) {
    const clerk = createClerk({ registry, ...options });
    onTestFinished(() => clerk.destroy());
  }
});
