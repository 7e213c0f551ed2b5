import { ClerkError } from '../../../core/errors.js';
import { limits } from '../../../protocol/limits.js';
import type { NamingView } from '../state/naming-view.js';

/**
 * Rejects a change of too many names before the change is planned, because a long plan blocks the event loop.
 *
 * @param name - the name that changes together with its endpoints and all names below it
 * @param verb - what the change does to the names, for the error
 * @throws {@link ClerkError} `LIMIT_EXCEEDED`
 */
export function checkChangeSize(view: NamingView, name: string, verb: 'move' | 'remove' | 'cancel'): void {
  const { maxChangedNames } = limits;
  let size = 1 + view.endpointCount(name);
  for (const below of view.descendants(name)) {
    size += 1 + view.endpointCount(below);
    if (size > maxChangedNames) break;
  }
  if (verb === 'move') for (const _ of view.movedLinksTo(name)) if (++size > maxChangedNames) break;
  if (size <= maxChangedNames) return;
  throw new ClerkError(
    'LIMIT_EXCEEDED',
    `The request to ${verb} ${name} affects more than ${maxChangedNames} names and endpoints, which is the maximum for one request; ${verb} smaller parts first`,
  );
}

/** Rejects an import with too many lines. @throws {@link ClerkError} `LIMIT_EXCEEDED` */
export function checkImportSize(lines: readonly unknown[]): void {
  if (lines.length <= limits.maxChangedNames) return;
  throw new ClerkError(
    'LIMIT_EXCEEDED',
    `An import must have at most ${limits.maxChangedNames} lines; got ${lines.length}; split the lines into several imports`,
  );
}
