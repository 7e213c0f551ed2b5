import satisfies from 'semver/functions/satisfies.js';
import validRange from 'semver/ranges/valid.js';
import { describeValue } from '../core/describe-value.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';

/**
 * Returns the endpoints whose version satisfies a semver range. Every endpoint satisfies `*`. An endpoint without a
 * valid semver version satisfies no other range. A pre-release (`2.1.0-rc.1`) satisfies only `*` and a range that
 * names a pre-release of the same version.
 * @throws {@link ClerkError} `CONFIG_INVALID` when the range is invalid, even if `endpoints` is empty
 */
export function filterByVersion(
  endpoints: readonly Endpoint[],
  range: string | undefined,
): readonly Endpoint[] {
  if (range === undefined) return endpoints;
  if (validRange(range) === null) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `version must be a semver range such as '^2.1' or '>=1.4 <3'; got ${describeValue(range)}`,
    );
  }
  if (range.trim() === '*') return endpoints;
  // Many endpoints share few versions, so each version is compared only once.
  const matches = new Map<string, boolean>();
  return endpoints.filter(({ version }) => {
    if (version === undefined) return false;
    const known = matches.get(version);
    if (known !== undefined) return known;
    const isMatch = satisfies(version, range);
    matches.set(version, isMatch);
    return isMatch;
  });
}
