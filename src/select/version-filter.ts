/** Which endpoints run a version that was asked for. */
import satisfies from 'semver/functions/satisfies.js';
import validRange from 'semver/ranges/valid.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';

/**
 * The endpoints whose version is within the range, in the order given. One without a version, or with one that is not
 * semver, is in no range, not even `*`. A pre-release (`2.1.0-rc.1`) fits only a range that names a pre-release of the
 * same version.
 *
 * @param range - as semver writes it, e.g. `^2.1`; undefined lets all pass
 * @throws {@link ClerkError} `CONFIG_INVALID` when the range cannot be read; also with no endpoints, so that a range
 * can be checked by itself.
 */
export function filterByVersion(
  endpoints: readonly Endpoint[],
  range: string | undefined,
): readonly Endpoint[] {
  if (range === undefined) return endpoints;
  if (validRange(range) === null) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `The version range '${range}' cannot be read; write it as semver does, e.g. ^2.1 or >=1.4 <3`,
    );
  }
  // Fleets run few versions: each is compared once.
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
