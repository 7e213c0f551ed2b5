/**
 * Walks a name to what it means: through the directory identifier it may begin with, and through every link on its way.
 * Nothing is ever below a link, so at most one beginning of a name is one. A walk ends: 16 links are the most.
 *
 * @see GNS G1, G2
 */
import { ClerkError } from '../../core/errors.js';
import { isName } from '../../core/name.js';
import { shown } from '../../core/shown.js';
import { limits } from '../../wire/limits.js';
import type { EntryRecord } from './records.js';

/** What a walk looks at. */
export interface Paths {
  entry(name: string): EntryRecord | undefined;
  nameOf(id: string): string | undefined;
}

/** Where a walk led. */
export interface Walk {
  /** The name behind all links. Nothing need be there. */
  readonly canonical: string;
  /** The links and directories that were passed, in order. */
  readonly passed: readonly Passed[];
}

/** A link or a directory on the way. */
export interface Passed {
  /** As the name spelled it: a directory by its identifier. */
  readonly name: string;
  /** Where its entry is. */
  readonly at: string;
}

/**
 * Follows every link, the last one too.
 *
 * @param passing - told every beginning of a name that was looked at, in order: what the result depends on
 * @throws {@link ClerkError} `NAME_NOT_FOUND` for a circle, too many links, an identifier of no directory, or a name
 *   that becomes too long
 */
export function walk(paths: Paths, name: string, passing?: (beginning: string) => void): Walk {
  return follow(paths, name, true, passing);
}

/** Follows the links that stand before the last segment: what a change of the name itself is about. */
export function place(paths: Paths, name: string): string {
  return follow(paths, name, false, undefined).canonical;
}

function follow(
  paths: Paths,
  name: string,
  toTheEnd: boolean,
  passing: ((beginning: string) => void) | undefined,
): Walk {
  const passed: Passed[] = [];
  let at = name;
  for (let links = 0; links <= limits.mostLinks; links++) {
    if (at.startsWith('/#')) {
      const end = at.indexOf('/', 1);
      const id = end < 0 ? at.slice(1) : at.slice(1, end);
      passing?.(`/${id}`);
      const directory = paths.nameOf(id);
      if (directory === undefined) throw lost(name, `there is no directory with the identifier ${shown(id)}`);
      passed.push({ name: `/${id}`, at: directory });
      at = checked(name, directory + (end < 0 ? '' : at.slice(end)));
    }
    const link = linkIn(paths, at, toTheEnd, passing);
    if (link === undefined) return { canonical: at, passed };
    const [beginning, target] = link;
    passed.push({ name: beginning, at: beginning });
    at = checked(name, target + at.slice(beginning.length));
  }
  const last = passed.at(-1)?.name ?? at;
  throw lost(name, `it leads through more than ${limits.mostLinks} links, or in a circle (${last})`);
}

/** The beginning of a name that is a link, and where it leads. */
function linkIn(
  paths: Paths,
  name: string,
  toTheEnd: boolean,
  passing: ((beginning: string) => void) | undefined,
): readonly [string, string] | undefined {
  for (let end = name.indexOf('/', 1); ; end = name.indexOf('/', end + 1)) {
    if (end < 0 && !toTheEnd) return undefined;
    const beginning = end < 0 ? name : name.slice(0, end);
    passing?.(beginning);
    const found = paths.entry(beginning);
    if (found?.kind === 'link') return [beginning, found.target];
    if (end < 0) return undefined;
  }
}

function checked(asked: string, name: string): string {
  if (isName(name)) return name;
  throw lost(asked, `it leads to ${shown(name)}, which is too long for a name`);
}

function lost(name: string, why: string): ClerkError {
  return new ClerkError('NAME_NOT_FOUND', `There is no ${name}: ${why}`);
}
