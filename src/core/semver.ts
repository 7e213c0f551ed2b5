/**
 * A version that a semver range can match.
 *
 * @see {@link https://semver.org/#is-there-a-suggested-regular-expression-regex-to-check-a-semver-string}
 */
const semver =
  /^v?(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(?:-(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(?:\.(?:0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(?:\+[0-9a-zA-Z-]+(?:\.[0-9a-zA-Z-]+)*)?$/;

export function isSemver(version: string): boolean {
  return semver.test(version);
}

/**
 * Returns the valid version that an invalid `version` probably means, for an error message; 2.1.0 if `version` contains
 * no number.
 */
export function nearestSemver(version: unknown): string {
  const text =
    typeof version === 'string' || typeof version === 'number' ? String(version).slice(0, 100) : '';
  const [, major, minor = '0', patch = '0'] = /(\d{1,15})(?:\.(\d{1,15}))?(?:\.(\d{1,15}))?/.exec(text) ?? [];
  return major === undefined ? '2.1.0' : [major, minor, patch].map((part) => String(Number(part))).join('.');
}
