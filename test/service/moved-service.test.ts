/** A service whose name an operator moves, as the process of the service sees it. */
import { expect, test } from 'vitest';
import type { RenewRequest } from '../../src/protocol/registration-messages.js';
import { paths } from '../../src/protocol/paths.js';
import { fakeService } from './fake-service.js';

const orders = { name: '/shop/orders', address: 'http://10.0.0.7:3001' };

async function runningService() {
  const service = fakeService();
  const ad = await service.advertiser.advertise(orders);
  const events: string[] = [];
  ad.on('moved', ({ from, name, id }) => events.push(`moved ${from} ${name} ${String(id === ad.id)}`));
  ad.on('registered', ({ name, recovered }) => events.push(`registered ${name} ${String(recovered)}`));
  ad.on('lost', ({ name }) => events.push(`lost ${name}`));
  const namesOf = (path: string): string[] =>
    service.registry.requests
      .filter((request) => request.path === path)
      .flatMap(({ payload }) => (payload as Partial<RenewRequest>).renewals ?? [payload])
      .map(({ name }: { name: string }) => name);
  return { ...service, ad, events, namesOf };
}

test('a moved service learns its name with the next renewal, says so once, and uses it from then on', async () => {
  const { runtime, registry, warnings, ad, events, namesOf } = await runningService();
  registry.move('/shop/orders', '/shop/sales');
  await runtime.advance(5_000);
  expect(events).toEqual(['moved /shop/orders /shop/sales true']);
  expect([ad.name, ad.state]).toEqual(['/shop/sales', 'registered']);
  await runtime.advance(30_000);
  expect(namesOf(paths.renew).slice(0, 2)).toEqual(['/shop/orders', '/shop/sales']);
  expect(new Set(namesOf(paths.renew).slice(1))).toEqual(new Set(['/shop/sales']));
  expect(registry.ids('/shop/sales')).toEqual([ad.id]);
  expect(events).toHaveLength(1);
  expect(warnings.filter((line) => line.includes('was moved to /shop/sales'))).toHaveLength(1);
});

test('a service that is moved twice between renewals learns the last name, and a move back is a move', async () => {
  const { runtime, registry, ad, events } = await runningService();
  registry.move('/shop/orders', '/shop/sales');
  registry.move('/shop/sales', '/eu/sales');
  await runtime.advance(5_000);
  registry.move('/eu/sales', '/shop/orders');
  await runtime.advance(5_000);
  expect(events).toEqual(['moved /shop/orders /eu/sales true', 'moved /eu/sales /shop/orders true']);
  expect([ad.name, registry.ids('/shop/orders')]).toEqual(['/shop/orders', [ad.id]]);
});

test('a service that registers again after a move does so under its former name, and learns the present one', async () => {
  const { runtime, registry, ad, events } = await runningService();
  registry.isDown = true;
  registry.move('/shop/orders', '/shop/sales');
  await runtime.advance(15_000);
  expect(events).toEqual(['lost /shop/orders']);
  registry.isDown = false;
  await runtime.advance(20_000);
  expect(events.slice(1)).toEqual(['moved /shop/orders /shop/sales true', 'registered /shop/sales true']);
  expect(registry.ids('/shop/sales')).toEqual([ad.id]);
});

test('a moved service that drains withdraws its present name', async () => {
  const { runtime, registry, ad, namesOf } = await runningService();
  registry.move('/shop/orders', '/shop/sales');
  await runtime.advance(5_000);
  const drained = ad.drain();
  await runtime.advance(10_000);
  await drained;
  expect(namesOf(paths.withdraw)).toEqual(['/shop/sales']);
});

test('of the services that share a renewal, only the moved one learns another name', async () => {
  const { runtime, registry, advertiser } = fakeService();
  const ads = [];
  for (const name of ['/a', '/b', '/c']) ads.push(await advertiser.advertise({ ...orders, name }));
  await runtime.advance(10_000);
  registry.move('/b', '/d');
  await runtime.advance(10_000);
  expect(ads.map(({ name }) => name)).toEqual(['/a', '/d', '/c']);
});

test.each([
  [{ moved: [{ index: 0, name: 'no name' }] }],
  [{ moved: [{ index: 9, name: '/other' }] }],
  [{ moved: 'everything' }],
])('a present name that a registry states wrongly is ignored: %j', async (more) => {
  const { runtime, registry, ad, events } = await runningService();
  registry.renewalExtras = more;
  await runtime.advance(15_000);
  expect([events, ad.name, ad.state]).toEqual([[], '/shop/orders', 'registered']);
});
