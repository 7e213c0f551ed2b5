import { expect, test } from 'vitest';
import { addressCaller } from '../../../src/service/at-most-once/request-caller.js';

test.each([
  [undefined, 'local'],
  ['127.0.0.1', 'local'],
  ['127.9.8.7', 'local'],
  ['::1', 'local'],
  ['::ffff:127.0.0.1', 'local'],
  ['10.0.0.7', '10.0.0.7'],
  ['::ffff:10.0.0.7', '10.0.0.7'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:DB8:1:2::6', '2001:db8:1:2::/64'],
  ['2001:db8::6', '2001:db8:0:0::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['::6', '0:0:0:0::/64'],
])('the caller at %s is %s', (remoteAddress, caller) =>
  expect(addressCaller({ socket: { remoteAddress } } as never)).toBe(caller),
);
