/**
 * Services that are advertised by an address before they listen there.
 *
 * @see [C5.9](../../docs/guarantees.md#c5-9)
 */
import { createServer } from 'node:http';
import { expect, test } from 'vitest';
import { fakeService, type FakeService } from './fake-service.js';

const first = 'http://10.0.0.7:3001';
const orders = { name: '/shop/orders', address: first } as const;

/** A service whose addresses accept connections once they are in `listening`; `dials` has each attempt to connect. */
function serviceBeforeListening() {
  const service = fakeService();
  const listening = new Set<string>();
  const dials: { at: number; address: string }[] = [];
  service.accepts = (address) => {
    dials.push({ at: service.runtime.now(), address });
    return listening.has(address);
  };
  return { ...service, service, listening, dials };
}

const stateIn = ({ registry }: Pick<FakeService, 'registry'>): string | undefined => {
  const [registered] = registry.services.get('/shop/orders')?.values() ?? [];
  return registered?.endpoint.state;
};

test('an address that accepts connections is registered as up in one request, and nothing is logged', async () => {
  const { service, advertiser, listening, warnings } = serviceBeforeListening();
  listening.add(first);
  const ad = await advertiser.advertise(orders);
  expect(ad.state).toBe('registered');
  expect(service.registry.requests.map(({ payload }) => payload.state)).toEqual([undefined]);
  await service.runtime.advance(1_000);
  expect(service.registry.requests).toHaveLength(1);
  expect(warnings).toEqual([]);
});

test('a server is registered as up without a connection', async () => {
  const { service, advertiser, dials } = serviceBeforeListening();
  const server = createServer().listen(0, '127.0.0.1');
  await advertiser.advertise({ name: '/shop/orders', address: server });
  server.close();
  expect(dials).toEqual([]);
  expect(stateIn(service)).toBe('up');
});

test('advertise() resolves while the endpoint is starting; the first connection makes it up; both are logged', async () => {
  const { service, advertiser, listening, warnings, runtime, dials } = serviceBeforeListening();
  const ad = await advertiser.advertise(orders);
  expect([ad.state, stateIn(service)]).toEqual(['starting', 'starting']);
  expect(warnings).toEqual([expect.stringMatching(/registered as starting.*http:\/\/10\.0\.0\.7:3001/)]);
  expect(runtime.refTimers).toBe(0);
  await runtime.advance(9_000);
  expect([ad.state, stateIn(service)]).toEqual(['starting', 'starting']);
  listening.add(first);
  await runtime.advance(250);
  expect([ad.state, stateIn(service)]).toEqual(['registered', 'up']);
  expect(warnings).toHaveLength(2);
  expect(warnings[1]).toMatch(/registered as up, because an address accepts connections/);
  expect(service.registry.ids('/shop/orders')).toEqual([ad.id]);
  const before = dials.length;
  await runtime.advance(60_000);
  expect(dials).toHaveLength(before);
});

test('one address of several that accepts connections is enough', async () => {
  const { service, advertiser, listening, runtime } = serviceBeforeListening();
  const second = 'unix:/run/orders.sock';
  await advertiser.advertise({ ...orders, address: [first, second] });
  expect(stateIn(service)).toBe('starting');
  listening.add(second);
  await runtime.advance(250);
  expect(stateIn(service)).toBe('up');
});

test('an address that this host cannot reach is up after 30 s, with a warning that names it', async () => {
  const { service, advertiser, runtime, warnings } = serviceBeforeListening();
  const ad = await advertiser.advertise(orders);
  await runtime.advance(29_900);
  expect(stateIn(service)).toBe('starting');
  await runtime.advance(200);
  expect([ad.state, stateIn(service)]).toEqual(['registered', 'up']);
  expect(warnings.at(-1)).toMatch(
    /no address accepted a connection.* within 30 s: http:\/\/10\.0\.0\.7:3001/,
  );
});

test('a connection that neither succeeds nor fails delays the registration by 250 ms, and is given up', async () => {
  const { service, advertiser, runtime } = serviceBeforeListening();
  let open = 0;
  service.accepts = (_address, signal) => {
    open++;
    return new Promise((resolve) =>
      signal.addEventListener('abort', () => {
        open--;
        resolve(false);
      }),
    );
  };
  const registered = advertiser.advertise(orders);
  await runtime.advance(200);
  expect(service.registry.requests).toEqual([]);
  await runtime.advance(50);
  expect((await registered).state).toBe('starting');
  await runtime.advance(29_000);
  expect([stateIn(service), open]).toEqual(['starting', 1]);
  await runtime.advance(2_100);
  expect([stateIn(service), open]).toEqual(['up', 0]);
});

test.each(['close', 'drain'] as const)('%s() of a starting endpoint ends its checks', async (end) => {
  const { service, advertiser, listening, runtime, dials, warnings } = serviceBeforeListening();
  const ad = await advertiser.advertise(orders);
  await runtime.advance(1_000);
  const ended = ad[end]();
  await runtime.advance(10_000);
  await ended;
  const before = dials.length;
  listening.add(first);
  await runtime.advance(60_000);
  expect(dials).toHaveLength(before);
  expect(service.registry.ids('/shop/orders')).toEqual([]);
  expect(ad.state).toBe('closed');
  expect(warnings).toHaveLength(1);
});

test('an aborted advertise() makes no further check and leaves no registration', async () => {
  const { service, advertiser, runtime, dials } = serviceBeforeListening();
  const controller = new AbortController();
  service.registry.isDown = true;
  const advertised = advertiser.advertise({ ...orders, signal: controller.signal }).catch((e: unknown) => e);
  await runtime.advance(1_000);
  controller.abort();
  await runtime.advance(1_000);
  expect(await advertised).toMatchObject({ code: 'ABORTED' });
  const before = dials.length;
  service.registry.isDown = false;
  await runtime.advance(60_000);
  expect(dials).toHaveLength(before);
  expect(service.registry.ids('/shop/orders')).toEqual([]);
});

test('an address that accepts connections while the registry is down is up once the registry is back', async () => {
  const { service, advertiser, listening, runtime } = serviceBeforeListening();
  const ad = await advertiser.advertise(orders);
  service.registry.isDown = true;
  listening.add(first);
  await runtime.advance(3_000);
  expect([ad.state, stateIn(service)]).toEqual(['starting', 'starting']);
  service.registry.isDown = false;
  await runtime.advance(1_000);
  expect([ad.state, stateIn(service)]).toEqual(['registered', 'up']);
});

test('a registry without data gets the endpoint back as starting, and later as up', async () => {
  const { service, advertiser, listening, runtime } = serviceBeforeListening();
  const ad = await advertiser.advertise({ ...orders, leaseMs: 1_000 });
  service.registry.restartEmpty();
  await runtime.advance(2_000);
  expect([ad.state, stateIn(service)]).toEqual(['starting', 'starting']);
  listening.add(first);
  service.registry.restartEmpty();
  await runtime.advance(2_000);
  expect([ad.state, stateIn(service)]).toEqual(['registered', 'up']);
  service.registry.restartEmpty();
  await runtime.advance(2_000);
  expect(stateIn(service)).toBe('up');
});
