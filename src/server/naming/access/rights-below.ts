import { includingRight, type AccessRight } from '../../../core/access-right.js';
import { globsBelow, parseGlob } from '../../../core/glob.js';
import { isName } from '../../../core/name.js';
import type { Caller, RightsBelow } from '../../ports.js';
import { hasRightOnAll } from './caller-access.js';
import { directoriesOf, meantBy, type AccessView } from './evaluate-access.js';

/**
 * Returns whether a caller has a right on all, some or none of the names below a name. Reads only the rights. Neither
 * the result nor the time that the check takes therefore reveals whether a hidden name exists.
 *
 * @param directories - every directory that has triples
 * @see [C7.4](../../../../docs/guarantees.md#c7-4)
 */
export function rightsBelow(
  view: AccessView,
  directories: Iterable<string>,
  caller: Caller,
  name: string,
  right: AccessRight,
): RightsBelow {
  // A name of maximum length cannot have names below it.
  if (caller.pin === undefined || !isName(`${name}/a`)) return 'none';
  if (isName(`${name}/aa`) && hasRightOnAll(view, caller, parseGlob(`${name}/**`), right)) return 'all';
  const { principal } = caller;
  if (principal.startsWith(`${name}/`)) return 'some';
  const above = new Set(directoriesOf(name));
  for (const directory of directories) {
    if (!above.has(directory) && !directory.startsWith(`${name}/`)) continue;
    for (const compiled of view.triplesIn(directory))
      if (
        includingRight(compiled.triple.rights, right) !== undefined &&
        globsBelow(compiled.path, name).size > 0 &&
        meantBy(view, compiled, principal) !== undefined
      )
        return 'some';
  }
  return 'none';
}
