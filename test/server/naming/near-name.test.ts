import { expect, test } from 'vitest';
import { nameServerHarness } from './name-server-harness.js';

async function namesOf(...all: readonly string[]) {
  const { names } = await nameServerHarness();
  for (const name of all) await names.define({ name });
  return names;
}

test.each([
  ['/shop/ordes', '/shop/orders'],
  ['/shp/orders', '/shop/orders'],
  ['/shp/ordres', '/shop/orders'],
  ['/shop/bills/ue', '/shop/bills/eu'],
])('of %s, %s was meant', async (name, meant) => {
  const names = await namesOf('/shop/orders', '/shop/bills/eu', '/store/x');
  expect(names.nearName(name)).toBe(meant);
});

test.each(['/entirely/different', '/shop/orders/7', '/shop', '/#1f0c/orders'])(
  'no name is similar to %s',
  async (name) => {
    expect((await namesOf('/shop/orders')).nearName(name)).toBeUndefined();
  },
);

test('a name that the client may not see is never proposed, nor a part of it', async () => {
  const names = await namesOf('/shop/orders', '/secret/orders');
  const isVisible = (name: string): boolean => !name.startsWith('/secret');
  expect(names.nearName('/secre/orders')).toBe('/secret/orders');
  expect(names.nearName('/secre/orders', isVisible)).toBeUndefined();
  expect(names.nearName('/shop/ordes', isVisible)).toBe('/shop/orders');
  expect(names.nearName('/shop/ordes', () => false)).toBeUndefined();
});

test('a hidden name above a visible one is never proposed', async () => {
  const names = await namesOf('/own', '/own/orders');
  const isVisible = (name: string): boolean => name !== '/own';
  expect(names.nearName('/owm')).toBe('/own');
  expect(names.nearName('/owm', isVisible)).toBeUndefined();
  expect(names.nearName('/owm/orders', isVisible)).toBe('/own/orders');
});

test('a name is proposed although a name before it in its directory is hidden', async () => {
  const names = await namesOf('/own/hidden', '/own/orders');
  const isVisible = (name: string): boolean => name !== '/own/hidden';
  expect(names.nearName('/own/ordres', isVisible)).toBe('/own/orders');
  expect(names.nearName('/owm/orders', isVisible)).toBe('/own/orders');
  expect(names.nearName('/own/hiden', isVisible)).toBeUndefined();
});

test('of many names at one level, the first 200 are compared', async () => {
  const many = Array.from({ length: 220 }, (_, i) => `/n${String(1_000 + i)}/service`);
  const names = await namesOf('/abacus/service', ...many, '/zebra/service');
  expect(names.nearName('/abacos/service')).toBe('/abacus/service');
  expect(names.nearName('/zebro/service')).toBeUndefined();
});
