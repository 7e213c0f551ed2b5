/**
 * Walks a name to what it means: through the directory identifier it may begin with, and through every link on its way.
 * Nothing is ever below a link, so at most one beginning of a name is one. A walk ends: 16 links are the most.
 *
 * @see GNS G1, G2
 */
import { ClerkError } from '../../../core/errors.js';
import { isName } from '../../../core/name.js';
import { quote } from '../../../core/describe-value.js';
import { limits } from '../../../protocol/limits.js';
import type { EntryRecord } from './records.js';

/** What a walk looks at. */
export interface LinkSource {
  entry(name: string): EntryRecord | undefined;
  directoryName(id: string): string | undefined;
}

/** Where a walk led. */
export interface LinkPath {
  /** The name behind all links. Nothing need be there. */
  readonly canonical: string;
  /** The links and directories that were passed, in order. */
  readonly hops: readonly LinkHop[];
}

/** A link or a directory on the way. */
export interface LinkHop {
  /** As the name spelled it: a directory by its identifier. */
  readonly name: string;
  /** Where its entry is. */
  readonly entryName: string;
}

/**
 * Follows every link, the last one too.
 *
 * @param onPrefix - told every beginning of a name that was looked at, in order: what the result depends on
 * @throws {@link ClerkError} `NAME_NOT_FOUND` for a circle, too many links, an identifier of no directory, or a name
 *   that becomes too long
 */
export function resolveLinks(
  links: LinkSource,
  name: string,
  onPrefix?: (beginning: string) => void,
): LinkPath {
  return followLinks(links, name, true, onPrefix);
}

/** Follows the links that stand before the last segment: what a change of the name itself is about. */
export function resolveParentLinks(links: LinkSource, name: string): string {
  return followLinks(links, name, false, undefined).canonical;
}

function followLinks(
  source: LinkSource,
  name: string,
  followLast: boolean,
  onPrefix: ((beginning: string) => void) | undefined,
): LinkPath {
  const hops: LinkHop[] = [];
  let at = name;
  for (let links = 0; links <= limits.maxLinks; links++) {
    if (at.startsWith('/#')) {
      const end = at.indexOf('/', 1);
      const id = end < 0 ? at.slice(1) : at.slice(1, end);
      onPrefix?.(`/${id}`);
      const directory = source.directoryName(id);
      if (directory === undefined)
        throw notFoundError(name, `there is no directory with the identifier ${quote(id)}`);
      hops.push({ name: `/${id}`, entryName: directory });
      at = checkName(name, directory + (end < 0 ? '' : at.slice(end)));
    }
    const link = findLink(source, at, followLast, onPrefix);
    if (link === undefined) return { canonical: at, hops };
    const [prefix, target] = link;
    hops.push({ name: prefix, entryName: prefix });
    at = checkName(name, target + at.slice(prefix.length));
  }
  const last = hops.at(-1)?.name ?? at;
  throw notFoundError(name, `it leads through more than ${limits.maxLinks} links, or in a circle (${last})`);
}

/** The beginning of a name that is a link, and where it leads. */
function findLink(
  links: LinkSource,
  name: string,
  followLast: boolean,
  onPrefix: ((beginning: string) => void) | undefined,
): readonly [string, string] | undefined {
  for (let end = name.indexOf('/', 1); ; end = name.indexOf('/', end + 1)) {
    if (end < 0 && !followLast) return undefined;
    const prefix = end < 0 ? name : name.slice(0, end);
    onPrefix?.(prefix);
    const found = links.entry(prefix);
    if (found?.kind === 'link') return [prefix, found.target];
    if (end < 0) return undefined;
  }
}

function checkName(requestedName: string, name: string): string {
  if (isName(name)) return name;
  throw notFoundError(requestedName, `it leads to ${quote(name)}, which is too long for a name`);
}

function notFoundError(name: string, reason: string): ClerkError {
  return new ClerkError('NAME_NOT_FOUND', `There is no ${name}: ${reason}`);
}
