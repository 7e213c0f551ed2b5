import { expect, test } from 'vitest';
import { ClientPrincipals } from '../../../src/server/http/client-principals.js';

const byDefault = new ClientPrincipals({ ipv4PrefixLength: 32, ipv6PrefixLength: 64 });

test.each(['127.0.0.1', '127.0.0.2', '127.255.255.254', '::1', '::ffff:127.0.0.1'])(
  'loopback address %s belongs to the one principal of this host',
  (remoteAddress) => {
    expect(byDefault.of({ remoteAddress })).toBe('address:loopback');
  },
);

test.each([
  ['10.0.0.1', 'address:10.0.0.1'],
  ['::ffff:10.0.0.1', 'address:10.0.0.1'],
  ['2001:db8::1', 'address:2001:db8::/64'],
  ['2001:db8:0:0:1:2:3:4', 'address:2001:db8::/64'],
  ['2001:db8:0:1::1', 'address:2001:db8:0:1::/64'],
  ['fe80::1%eth0', 'address:fe80::/64'],
  ['::2', 'address:::/64'],
  [undefined, 'address:unknown'],
])('without masks, %s is %s', (remoteAddress, principal) => {
  expect(byDefault.named(remoteAddress)).toBe(principal);
});

test.each([
  [24, 56, '10.1.2.3', 'address:10.1.2.0/24'],
  [20, 56, '10.1.255.3', 'address:10.1.240.0/20'],
  [0, 56, '10.1.2.3', 'address:0.0.0.0/0'],
  [24, 56, '2001:db8:0:1ff::1', 'address:2001:db8:0:100::/56'],
  [24, 128, '2001:db8::1', 'address:2001:db8:0:0:0:0:0:1'],
  [24, 0, '2001:db8::1', 'address:::/0'],
  [24, 0, '::1', 'address:loopback'],
])('with prefixes of %i and %i bits, %s is %s', (ipv4PrefixLength, ipv6PrefixLength, address, principal) => {
  expect(new ClientPrincipals({ ipv4PrefixLength, ipv6PrefixLength }).named(address)).toBe(principal);
});
