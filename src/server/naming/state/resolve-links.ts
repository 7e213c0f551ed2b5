import { quote } from '../../../core/describe-value.js';
import { ClerkError, isClerkError } from '../../../core/errors.js';
import { isName } from '../../../core/name.js';
import { limits } from '../../../protocol/limits.js';
import type { EntryRecord } from './records.js';

export interface LinkSource {
  entry(name: string): EntryRecord | undefined;
  directoryName(id: string): string | undefined;
}

export interface LinkPath {
  /** Name after all links were followed. There may be no entry with this name. */
  readonly canonical: string;
  readonly hops: readonly LinkHop[];
}

interface LinkHop {
  /** Name of the link; for a directory identifier, `/` and the identifier. */
  readonly name: string;
  /** Name of the entry that was read: the link, or the directory with the identifier. */
  readonly entryName: string;
}

/**
 * Follows up to 16 links in a name, including a link at the end. A directory identifier at the start of a name or a
 * link target becomes the current name of the directory.
 *
 * @param onPrefix - called in order with each prefix that is read; for a directory identifier, called with `/` and
 *   the identifier
 * @throws {@link ClerkError} `NAME_NOT_FOUND` for a cycle, more than 16 links, an unknown directory identifier, or a
 *   resolved name that is too long
 */
export function resolveLinks(
  source: LinkSource,
  name: string,
  onPrefix?: (prefix: string) => void,
): LinkPath {
  return followLinks(source, name, true, onPrefix);
}

export function tryResolveLinks(
  source: LinkSource,
  name: string,
  onPrefix?: (prefix: string) => void,
): LinkPath | undefined {
  try {
    return followLinks(source, name, true, onPrefix);
  } catch (error) {
    if (isClerkError(error)) return undefined;
    throw error;
  }
}

/**
 * Returns the present name of a name that was moved. Follows links that moves have left, and stops at the first link
 * that a client has created.
 */
export function followMoves(source: LinkSource, name: string): string {
  let current = name;
  for (let links = 0; links <= limits.maxLinks; links++) {
    const link = findLink(source, current, true, undefined);
    if (link?.[2] !== true) break;
    const next = link[1] + current.slice(link[0].length);
    if (!isName(next)) break;
    current = next;
  }
  return current;
}

/** Follows the links in a name, except a link at the end, for commands that change a link. */
export function resolveParentLinks(source: LinkSource, name: string): string {
  return followLinks(source, name, false, undefined).canonical;
}

/** Like {@link resolveParentLinks}, but returns undefined in place of an error. */
export function tryResolveParentLinks(source: LinkSource, name: string): string | undefined {
  try {
    return resolveParentLinks(source, name);
  } catch (error) {
    if (isClerkError(error)) return undefined;
    throw error;
  }
}

function followLinks(
  source: LinkSource,
  name: string,
  followLast: boolean,
  onPrefix: ((prefix: string) => void) | undefined,
): LinkPath {
  const hops: LinkHop[] = [];
  let current = name;
  for (let links = 0; links <= limits.maxLinks; links++) {
    if (current.startsWith('/#')) {
      const end = current.indexOf('/', 1);
      const id = end < 0 ? current.slice(1) : current.slice(1, end);
      onPrefix?.(`/${id}`);
      const directory = source.directoryName(id);
      if (directory === undefined)
        throw notFoundError(name, `there is no directory with the identifier ${quote(id)}`);
      hops.push({ name: `/${id}`, entryName: directory });
      current = checkName(name, directory + (end < 0 ? '' : current.slice(end)));
    }
    const link = findLink(source, current, followLast, onPrefix);
    if (link === undefined) return { canonical: current, hops };
    const [prefix, target] = link;
    hops.push({ name: prefix, entryName: prefix });
    current = checkName(name, target + current.slice(prefix.length));
  }
  const last = hops.at(-1)?.name ?? current;
  throw notFoundError(
    name,
    `its links form a cycle or exceed the maximum of ${limits.maxLinks}; the last link followed is ${last}`,
  );
}

function findLink(
  source: LinkSource,
  name: string,
  followLast: boolean,
  onPrefix: ((prefix: string) => void) | undefined,
): readonly [name: string, target: string, moved: boolean] | undefined {
  for (let end = name.indexOf('/', 1); ; end = name.indexOf('/', end + 1)) {
    if (end < 0 && !followLast) return undefined;
    const prefix = end < 0 ? name : name.slice(0, end);
    onPrefix?.(prefix);
    const found = source.entry(prefix);
    if (found?.kind === 'link') return [prefix, found.target, found.moved === true];
    if (end < 0) return undefined;
  }
}

function checkName(requestedName: string, name: string): string {
  if (isName(name)) return name;
  throw notFoundError(requestedName, `its links lead to ${quote(name)}, which is too long for a name`);
}

function notFoundError(name: string, reason: string): ClerkError {
  return new ClerkError('NAME_NOT_FOUND', `${name} does not exist: ${reason}`);
}
