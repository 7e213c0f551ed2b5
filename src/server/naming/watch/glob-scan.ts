/** Finds the names that match at least one of several globs. Each name is read once, however many globs match it. */
import type { Glob } from '../../../core/glob.js';
import { compareNames, segmentsOf } from '../../../core/name.js';
import { endOfSubtree, type OrderedNames } from '../state/ordered-names.js';

/** A range of names with a common start. No glob of the range matches a name with more than `depth` segments. */
interface NameRange {
  readonly start: string;
  /** Whether `start` is a complete name. The range then consists of `start` and the names below it. */
  readonly isWhole: boolean;
  depth: number;
}

/** Yields every name that one of the globs may match, in ranges that do not overlap. */
export function* scanGlobs(names: OrderedNames, globs: readonly Glob[]): IterableIterator<string> {
  for (const range of mergedRanges(globs)) {
    const { depth } = range;
    let start = range.start;
    for (let hasMore = true; hasMore;) {
      hasMore = false;
      for (const name of names.from(start)) {
        if (!isInRange(name, range)) break;
        if (depth === Infinity || segmentsOf(name).length <= depth) {
          yield name;
          continue;
        }
        // No glob matches the names below the ancestor with `depth` segments.
        start = endOfSubtree(`/${segmentsOf(name).slice(0, depth).join('/')}`);
        hasMore = true;
        break;
      }
    }
  }
}

/** Merges overlapping ranges. If two ranges overlap, one of them contains the other. */
function mergedRanges(globs: readonly Glob[]): readonly NameRange[] {
  const sorted = globs
    .map(rangeOf)
    .sort((a, b) => compareNames(a.start, b.start) || Number(a.isWhole) - Number(b.isWhole));
  const merged: NameRange[] = [];
  for (const range of sorted) {
    const last = merged.at(-1);
    if (last !== undefined && isInRange(range.start, last)) last.depth = Math.max(last.depth, range.depth);
    else merged.push(range);
  }
  return merged;
}

function rangeOf({ segments }: Glob): NameRange {
  const wildcardAt = segments.findIndex((segment) => segment.includes('*'));
  const base = segments
    .slice(0, wildcardAt)
    .map((segment) => `/${segment}`)
    .join('');
  const depth = segments.includes('**') ? Infinity : segments.length;
  const wildcard = segments[wildcardAt] as string;
  if (wildcard === '**') return { start: base, isWhole: base !== '', depth };
  return { start: `${base}/${wildcard.slice(0, wildcard.indexOf('*'))}`, isWhole: false, depth };
}

function isInRange(name: string, { start, isWhole }: NameRange): boolean {
  return (
    name.startsWith(start) && (!isWhole || name.length === start.length || name.charAt(start.length) === '/')
  );
}
