/**
 * A registry whose data was replaced by an older copy has an older state of a registration. The service sends its
 * registration again, because its renewals alone would keep the older state.
 *
 * @see [C1.8](../../docs/guarantees.md#c1-8)
 */
import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { ClerkError } from '../../src/core/errors.js';
import type { EndpointMessage } from '../../src/protocol/lookup-messages.js';
import { fakeService, type FakeService } from './fake-service.js';

const address = 'http://10.0.0.7:3001';

function endpointIn({ registry }: FakeService): EndpointMessage {
  const [registered] = registry.services.get('/s')?.values() ?? [];
  if (registered === undefined) throw new Error('No endpoint of /s is registered');
  return registered.endpoint;
}

/** Replaces the record of the endpoint by an older one. The registry has noticed it: its incarnation is new. */
function restore({ registry }: FakeService, older: EndpointMessage): void {
  const [[id, registered] = []] = registry.services.get('/s') ?? [];
  if (id === undefined || registered === undefined) throw new Error('No endpoint of /s is registered');
  registry.services.get('/s')?.set(id, { ...registered, endpoint: older });
  registry.incarnation = 'second';
}

const registrations = ({ registry }: FakeService): number =>
  registry.requests.filter(({ path }) => path === '/v1/register').length;

test('an endpoint that is starting in the copy is up after the next renewal', async () => {
  const service = fakeService();
  const { advertiser, runtime } = service;
  let isListening = false;
  service.accepts = () => isListening;
  const ad = await advertiser.advertise({ name: '/s', address });
  const older = endpointIn(service);
  expect(older.state).toBe('starting');
  isListening = true;
  await runtime.advance(250);
  expect(endpointIn(service).state).toBe('up');
  restore(service, older);
  await runtime.advance(4_000);
  expect(endpointIn(service)).toMatchObject({ state: 'up', id: ad.id, epoch: ad.epoch });
  expect(ad.state).toBe('registered');
  const before = registrations(service);
  await runtime.advance(60_000);
  expect(registrations(service)).toBe(before);
});

test('an endpoint with former addresses in the copy has its present addresses after the next renewal', async () => {
  const service = fakeService();
  const { advertiser, runtime } = service;
  const server = Object.assign(new EventEmitter(), {
    listening: true,
    address: () => ({ address: '0.0.0.0', port: 80 }),
  });
  await advertiser.advertise({ name: '/s', address: server });
  const older = endpointIn(service);
  runtime.setHostAddresses(['192.168.1.9']);
  await runtime.advance(4_000);
  restore(service, older);
  await runtime.advance(4_000);
  expect(endpointIn(service).addresses).toEqual(['http://192.168.1.9:80', 'http://127.0.0.1:80']);
});

test('a registration that the restored registry refuses at first is sent again with each renewal until it is accepted', async () => {
  const service = fakeService();
  const { advertiser, runtime, registry, warnings } = service;
  await advertiser.advertise({ name: '/s', address });
  restore(service, { ...endpointIn(service), weight: 7 });
  registry.registrationError = new ClerkError('LIMIT_EXCEEDED', 'too many registrations');
  await runtime.advance(4_000);
  expect(warnings.at(-1)).toMatch(/did not accept another registration of \/s .*: too many registrations/);
  registry.registrationError = undefined;
  await runtime.advance(4_000);
  expect(endpointIn(service).weight).toBe(1);
});

test('close() while the registration is sent again ends the request and logs nothing', async () => {
  const service = fakeService();
  const { advertiser, runtime, registry, warnings } = service;
  const ad = await advertiser.advertise({ name: '/s', address });
  restore(service, endpointIn(service));
  registry.responseDelayMs = 1_000;
  while (registrations(service) === 1) await runtime.advance(100);
  const closed = ad.close();
  await runtime.advance(10_000);
  await closed;
  expect(warnings).toEqual([]);
  expect(registry.ids('/s')).toEqual([]);
});
