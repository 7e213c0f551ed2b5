import { expect, test } from 'vitest';
import { toEndpoint, type Endpoint } from '../../src/core/endpoint.js';
import { isClerkError } from '../../src/core/errors.js';
import { filterByVersion } from '../../src/load-balancing/version-filter.js';

const fleet: readonly Endpoint[] = [
  '1.9.0',
  '2.0.0',
  '2.1.0-rc.1',
  '2.1.0',
  '2.1.3',
  '3.0.0',
  'latest',
  undefined,
].map((version, i) =>
  toEndpoint(
    { id: version ?? 'unversioned', address: `http://10.0.0.${String(i)}:80`, ...(version && { version }) },
    'a test',
  ),
);

const matching = (range: string | undefined): string =>
  filterByVersion(fleet, range)
    .map(({ id }) => id)
    .join(' ');

test.each([
  ['^2.1', '2.1.0 2.1.3'],
  ['2', '2.0.0 2.1.0 2.1.3'],
  ['>=1.9 <2.1', '1.9.0 2.0.0'],
  ['1.9.0 || 3.x', '1.9.0 3.0.0'],
  ['2.1.3', '2.1.3'],
  ['>=2.1.0-rc.0 <2.2', '2.1.0-rc.1 2.1.0 2.1.3'],
  ['*', '1.9.0 2.0.0 2.1.0-rc.1 2.1.0 2.1.3 3.0.0 latest unversioned'],
  ['^9', ''],
])('%s: %s', (range, expected) => {
  expect(matching(range)).toBe(expected);
});

test('without a range all endpoints match, also those without a version', () => {
  expect(filterByVersion(fleet, undefined)).toBe(fleet);
});

test.each(['newest', '^2.1 beta', '>', 7, null])('%o is not a range, with or without endpoints', (range) => {
  for (const endpoints of [fleet, []]) {
    let thrown: unknown;
    try {
      filterByVersion(endpoints, range as string);
    } catch (error) {
      thrown = error;
    }
    expect(isClerkError(thrown) && thrown.code).toBe('CONFIG_INVALID');
    expect((thrown as Error).message).toContain(
      `; got ${typeof range === 'string' ? `'${range}'` : String(range)}`,
    );
  }
});
