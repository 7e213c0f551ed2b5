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

test.each(['v2', '2', '2.1', 'latest', '1.0.0-01', '01.0.0', '1.2.3.4', '2.1.0 '])(
  'version %s, which no range of bind() can match, is refused',
  (version) => {
    expect(advertised(version)).toThrow(
      expect.objectContaining({
        code: 'CONFIG_INVALID',
        message: `advertise() needs a semver version such as 2.1.0 in the option 'version'; got '${version}'`,
      }),
    );
  },
);
