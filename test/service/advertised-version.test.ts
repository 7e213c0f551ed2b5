import { createClerk } from 'binding-clerk';
import satisfies from 'semver/functions/satisfies.js';
import { expect, test } from 'vitest';
import { toAdvertiseConfig } from '../../src/service/options.js';

const advertised = (version: string) => () =>
  toAdvertiseConfig({ name: '/shop/orders', address: 'http://127.0.0.1:3001', version });

test.each(['2.1.0', 'v2.1.0', '0.0.0', '1.0.0-rc.1', '1.0.0+build.7', '1.0.0-0.a-b+5'])(
  'version %s is advertised, and a range of bind() can match it',
  (version) => {
    expect(advertised(version)().version).toBe(version);
    expect(satisfies(version, '>=0.0.0-0', { includePrerelease: true })).toBe(true);
  },
);

const refused = [
  ['v2', '2.0.0'],
  ['2', '2.0.0'],
  ['2.1', '2.1.0'],
  ['latest', '2.1.0'],
  ['1.0.0-01', '1.0.0'],
  ['01.0.0', '1.0.0'],
  ['1.2.3.4', '1.2.3'],
  ['2.1.0 ', '2.1.0'],
] as const;

test.each(refused)(
  'version %s, which no range of bind() can match, is refused; %s is proposed',
  (version, nearest) => {
    expect(advertised(version)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: `advertise() needs a semver version such as ${nearest} in the option 'version'; got '${version}'`,
      }),
    );
  },
);

test.each(refused)('a static endpoint with version %s is refused; %s is proposed', (version, nearest) => {
  const registry = { '/s': { address: 'http://10.0.0.1:80' as const, version } };
  expect(() => createClerk({ registry })).toThrow(
    expect.objectContaining({
      code: 'CONFIG_INVALID',
      message: `Endpoint of /s must have a semver version such as ${nearest}; got '${version}'`,
    }),
  );
});
