import { expect, test } from 'vitest';
import { codeOf, localCaller, nameServerHarness, registration } from '../name-server-harness.js';

test('remove requires recursive for names below, and force or whenExpired under a guarantee', async () => {
  const warnings: string[] = [];
  const logger = { debug() {}, info() {}, warn: (text: string) => warnings.push(text), error() {} };
  const { names, runtime } = await nameServerHarness({ logger });
  await names.register(registration('/shop/orders', 'i'), localCaller);
  expect(await codeOf(names.remove({ name: '/nothing' }))).toBe('NAME_NOT_FOUND');
  expect(await codeOf(names.remove({ name: '/shop' }))).toBe('FORBIDDEN');
  expect(await codeOf(names.remove({ name: '/shop/orders' }))).toBe('FORBIDDEN');
  names.resolveJson('/shop/orders');
  await expect(names.remove({ name: '/shop', recursive: true })).rejects.toMatchObject({
    code: 'CHANGE_TOO_EARLY',
    remainingMs: 5_250,
  });
  expect((await names.remove({ name: '/shop', recursive: true, whenExpired: true })).appliesInMs).toBe(5_250);
  await expect(names.remove({ name: '/shop', recursive: true })).rejects.toMatchObject({
    code: 'CHANGE_TOO_EARLY',
  });
  await runtime.advance(5_000);
  expect(names.resolve('/shop/orders').guaranteedMs).toBe(0);
  await runtime.advance(250);
  expect(names.status().services).toBe(0);
  await names.define({ name: '/a' });
  names.resolveJson('/a');
  expect((await names.remove({ name: '/a', force: true })).appliesInMs).toBe(0);
  expect(warnings).toEqual(['/a was removed by force before its guarantee ended']);
});
