import { expect, test } from 'vitest';
import { exclusionOf, reachableAddresses } from '../../src/binding/reachable-addresses.js';
import { AddressPolicy } from '../../src/core/address-policy.js';
import { toEndpoint, type EndpointInit } from '../../src/core/endpoint.js';

const here = { host: 'web', hostId: 'boot-1/7', zone: undefined };
const own = ['10.0.0.1', '172.17.0.1', 'FD00::1'];
const policy = new AddressPolicy({
  allowed: [],
  userId: 1_000,
  socketFacts: () => ({ owner: 0, mode: 0o660 }),
});

function reached(init: EndpointInit, locality: typeof here | { host: string; zone: undefined } = here) {
  return reachableAddresses(locality, toEndpoint(init, '/s'), () => own, policy).map(({ text }) => text);
}

const bridge = 'http://172.17.0.1:80';
const route = 'http://10.0.0.2:80';
const loopback = 'http://127.0.0.1:80';
const enumerated = { addresses: [route, bridge, loopback], enumeratedAddresses: [route, bridge, loopback] };

test('an address that this host has itself does not lead to an endpoint of another host', () => {
  expect(reached({ ...enumerated, host: 'other', hostId: 'boot-2/7' })).toEqual([route]);
  expect(
    reached({
      addresses: ['http://[fd00::1]:80', bridge],
      enumeratedAddresses: ['http://[fd00::1]:80', bridge],
      hostId: 'boot-2/7',
    }),
  ).toEqual([]);
});

test('hosts with equal names differ by their identity', () => {
  expect(reached({ ...enumerated, host: 'web', hostId: 'boot-2/7' })).toEqual([route]);
  expect(reached({ ...enumerated, host: 'web', hostId: 'boot-1/8' })).toEqual([route]);
  expect(reached({ ...enumerated, host: 'other', hostId: 'boot-1/7' })).toEqual(enumerated.addresses);
});

test('host names decide where an identity is unknown', () => {
  expect(reached({ ...enumerated, host: 'web' })).toEqual(enumerated.addresses);
  expect(reached({ ...enumerated, host: 'other' })).toEqual([route]);
  const nameless = { host: 'web', zone: undefined };
  expect(reached({ ...enumerated, host: 'web', hostId: 'boot-2/7' }, nameless)).toEqual(enumerated.addresses);
});

test('a stated address is dialled, even if this host has it', () => {
  expect(reached({ addresses: [route, bridge], host: 'other', hostId: 'boot-2/7' })).toEqual([route, bridge]);
  expect(reached({ address: loopback, host: 'other', hostId: 'boot-2/7' })).toEqual([loopback]);
});

test('an endpoint whose addresses all lead back to this host is reached nowhere', () => {
  const addresses = [bridge, loopback];
  expect(reached({ addresses, enumeratedAddresses: addresses, host: 'other', hostId: 'boot-2/7' })).toEqual(
    [],
  );
});

test('an endpoint with a key is not called without TLS, since it could not prove the key', () => {
  const key = `sha256/${'A'.repeat(43)}`;
  const init = { addresses: [loopback, 'https://127.0.0.1:443', 'tcp://127.0.0.1:9'], key };
  expect(reached(init)).toEqual(['https://127.0.0.1:443', 'tcp://127.0.0.1:9']);
  const exclude = (given: EndpointInit, requiresKey = false) =>
    exclusionOf(here, toEndpoint(given, '/s'), () => own, policy, requiresKey)?.code;
  expect(exclude(init, true)).toBeUndefined();
  expect(exclude({ address: loopback, key })).toBe('ENDPOINT_UNPROVEN');
  expect(exclude({ address: loopback })).toBeUndefined();
  expect(exclude({ address: loopback }, true)).toBe('ENDPOINT_UNPROVEN');
  expect(exclude({ address: 'https://127.0.0.1:443', key, host: 'other' })).toBeUndefined();
});

test('addresses that the policy refuses are left out; an endpoint without another address is excluded', () => {
  const refused = ['http://169.254.169.254:80', 'http://[::ffff:0.0.0.0]:80', 'unix:/run/docker.sock'];
  expect(reached({ addresses: [...refused, loopback] })).toEqual([loopback]);
  expect(reached({ addresses: refused })).toEqual([]);
  expect(exclusionOf(here, toEndpoint({ addresses: refused }, '/s'), () => own, policy, false)).toMatchObject(
    {
      code: 'NO_ENDPOINT',
      reason: expect.stringMatching(/169\.254\.169\.254.*unspecified.*docker\.sock.*chmod go-w/s) as string,
    },
  );
});
