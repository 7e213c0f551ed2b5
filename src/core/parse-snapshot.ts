import { describeValue } from './describe-value.js';
import { ClerkError, errorMessage, isClerkError } from './errors.js';
import { isName } from './name.js';

/**
 * Returns the resolutions of a snapshot by name, not validated. A snapshot that is not an object of names is an
 * error, and never counts as empty.
 * @param known - names that are known to be valid
 * @throws {@link ClerkError} `REGISTRY_INVALID` when the snapshot is not a `Map` or an object, when a key is not a
 * name, or when a getter throws
 * @see [C1.4](../../docs/guarantees.md#c1-4)
 */
export function parseSnapshot(
  snapshot: unknown,
  glob: string,
  known: { has(name: string): boolean } = new Set(),
): ReadonlyMap<string, unknown> {
  try {
    // A promise, a list or a `Set` has no entries, and would look like an empty snapshot.
    if (!(snapshot instanceof Map) && Object.prototype.toString.call(snapshot) !== '[object Object]')
      throw invalidSnapshotError(
        glob,
        `the snapshot must be a Map or an object with resolutions by name; got ${describeValue(snapshot)}`,
      );
    const entries = new Map<string, unknown>(
      snapshot instanceof Map ? snapshot : Object.entries(snapshot as object),
    );
    for (const name of entries.keys())
      if (!known.has(name) && !isName(name))
        throw invalidSnapshotError(glob, `each key must be an absolute name; got ${describeValue(name)}`);
    return entries;
  } catch (error) {
    throw isClerkError(error) ? error : invalidSnapshotError(glob, errorMessage(error), error);
  }
}

function invalidSnapshotError(glob: string, problem: string, cause?: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_INVALID',
    `The registry's snapshot for the watch of ${glob} is invalid: ${problem}`,
    cause === undefined ? {} : { cause },
  );
}
