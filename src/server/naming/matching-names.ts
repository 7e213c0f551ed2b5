/** Finds the names that match a glob, without reading all names. */
import { matches, parseGlob, type Glob } from '../../core/glob.js';
import { compareNames, segmentsOf } from '../../core/name.js';
import { isRegistryName, registryDirectory } from '../../protocol/registry-servers.js';
import type { NamingState } from './state/naming-state.js';
import { endOfSubtree } from './state/ordered-names.js';

/** Parses a glob. Replaces a directory identifier at the start by the current name of the directory. */
export function parseRootedGlob(state: NamingState, text: string): Glob {
  const glob = parseGlob(text);
  const [first = '', ...rest] = glob.segments;
  const name = first.startsWith('#') ? state.directoryName(first) : undefined;
  return name === undefined ? glob : parseGlob([name, ...rest].join('/'));
}

interface ScannedName {
  readonly name: string;
  readonly matches: boolean;
}

/** Yields the names that a glob may match. Omits `/clerk/registry` unless the glob begins with the segment `clerk`. */
export function* scanNames(
  state: NamingState,
  glob: Glob,
  after: string | undefined,
): IterableIterator<ScannedName> {
  const { segments } = glob;
  const wildcardAt = segments.findIndex((segment) => segment.includes('*'));
  const literal = wildcardAt < 0 ? segments : segments.slice(0, wildcardAt);
  const base = literal.map((segment) => `/${segment}`).join('');
  const showsRegistry = literal[0] === registryDirectory.slice(1);
  const depth = segments.includes('**') ? Infinity : segments.length;
  const withDirectories = segments.at(-1) !== '**';
  // All matching names share this prefix: the segments before the first wildcard, and the text before the `*`.
  const prefix =
    wildcardAt < 0 || segments[wildcardAt] === '**' ? base : `${base}/${beforeStar(segments[wildcardAt])}`;
  const isInRange = (name: string): boolean =>
    prefix === base ? base === '' || name === base || name.startsWith(`${base}/`) : name.startsWith(prefix);
  const isAfter = (name: string): boolean => after === undefined || compareNames(name, after) > 0;
  // If the last segment is the only wildcard, every name in the range with the right number of segments matches.
  const last = segments.at(-1);
  const depthDecides = wildcardAt === segments.length - 1 && (last === '*' || last === '**');
  const isMatch = (name: string, length: number): boolean =>
    depthDecides ? length === depth || depth === Infinity : matches(glob, name);

  let previous = '';
  let start = after !== undefined && compareNames(after, prefix) > 0 ? after : prefix;
  let exclusive = start === after;
  for (let hasMore = true; hasMore;) {
    hasMore = false;
    for (const name of state.names.from(start, exclusive)) {
      if (!isInRange(name)) return;
      if (!showsRegistry && isRegistryName(name)) continue;
      const length = segmentCount(name);
      if (withDirectories && !isSibling(previous, name))
        for (const directory of directoriesBetween(previous, segmentsOf(name), depth))
          if (isAfter(directory) && isInRange(directory) && !state.entries.has(directory))
            yield { name: directory, matches: matches(glob, directory) };
      previous = name;
      if (length <= depth) {
        yield { name, matches: isMatch(name, length) };
        continue;
      }
      // The name has more than `depth` segments. The search skips all names below the ancestor with `depth` segments.
      start = endOfSubtree(`/${segmentsOf(name).slice(0, depth).join('/')}`);
      exclusive = false;
      hasMore = true;
      break;
    }
  }
}

function beforeStar(segment = ''): string {
  return segment.slice(0, segment.indexOf('*'));
}

function segmentCount(name: string): number {
  let count = 0;
  for (let i = 0; i < name.length; i++) if (name.charCodeAt(i) === 47) count++;
  return count;
}

function isSibling(previous: string, name: string): boolean {
  const end = name.lastIndexOf('/');
  return previous.lastIndexOf('/') === end && previous.startsWith(name.slice(0, end + 1));
}

/** Yields the ancestors of `path` with at most `depth` segments. Omits `previous` and its ancestors. */
function* directoriesBetween(
  previous: string,
  path: readonly string[],
  depth: number,
): IterableIterator<string> {
  let directory = '';
  for (let i = 0; i < path.length - 1 && i < depth; i++) {
    directory += `/${path[i] ?? ''}`;
    if (previous !== directory && !previous.startsWith(`${directory}/`)) yield directory;
  }
}
