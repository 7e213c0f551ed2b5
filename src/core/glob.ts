/**
 * Globs are matched without a RegExp, so that a match takes at most time proportional to length of glob × length of
 * name.
 */
import { quote } from './describe-value.js';
import { ClerkError } from './errors.js';
import { pathError, segmentError, segmentsOf } from './name.js';

/** `**` counts as one wildcard. @see [A6](../../docs/guarantees.md#a6) */
const maxWildcards = 8;

export interface Glob {
  readonly text: string;
  readonly segments: readonly string[];
  readonly isExact: boolean;
}

/**
 * Validates a glob: an absolute name with at most 8 wildcards.
 *
 * - `*` matches any number of characters within a segment, including none: `/shop/or*` matches `/shop/or`.
 * - `**`, as a whole segment, matches any number of segments, including none: `/shop/**` matches `/shop`.
 * - Both wildcards also match a directory identifier, including the `#`.
 *
 * @throws {@link ClerkError} `NAME_INVALID` when the glob breaks these rules, or when a segment of the glob can match
 * no valid segment of a name.
 * @see [A6](../../docs/guarantees.md#a6)
 */
export function parseGlob(text: unknown): Glob {
  const problem = pathError(text, globSegmentError) ?? wildcardError(text as string);
  if (problem !== undefined) throw new ClerkError('NAME_INVALID', `Glob ${quote(text)} ${problem}`);
  const glob = text as string;
  return Object.freeze({
    text: glob,
    segments: Object.freeze(segmentsOf(glob)),
    isExact: !glob.includes('*'),
  });
}

export function matches(glob: Glob, name: string): boolean {
  if (glob.isExact) return glob.text === name;
  const { segments } = glob;
  return matchesSequence(
    segments.length,
    (i) => segments[i] === '**',
    segmentsOf(name),
    (i, segment) => segmentMatches(segments[i] ?? '', segment),
  );
}

function segmentMatches(pattern: string, segment: string): boolean {
  if (pattern === '*') return true;
  return matchesSequence(
    pattern.length,
    (i) => pattern.charCodeAt(i) === star,
    segment,
    (i, unit) => pattern.charAt(i) === unit,
  );
}

const star = 42;

/**
 * Whether a pattern of `length` items matches the whole of `subject`. After a mismatch, only the last wildcard takes
 * one more item. Earlier wildcards keep their shortest match, which leaves most items for the rest of the pattern.
 */
function matchesSequence<T>(
  length: number,
  isWild: (at: number) => boolean,
  subject: ArrayLike<T>,
  equal: (at: number, item: T) => boolean,
): boolean {
  let at = 0;
  let position = 0;
  let wildAt = -1;
  let wildUntil = 0;
  while (position < subject.length) {
    if (at < length && isWild(at)) {
      wildAt = at++;
      wildUntil = position;
    } else if (at < length && equal(at, subject[position] as T)) {
      at++;
      position++;
    } else if (wildAt >= 0) {
      at = wildAt + 1;
      position = ++wildUntil;
    } else {
      return false;
    }
  }
  while (at < length && isWild(at)) at++;
  return at === length;
}

function globSegmentError(segment: string, index: number): string | undefined {
  if (segment === '**') return undefined;
  if (segment.includes('**'))
    return "must not combine '**' with other characters; write '**' as a segment of its own";
  // A segment can match if it is valid with every star removed, or with every star replaced by a letter.
  if (segmentError(segment.replaceAll('*', ''), index) === undefined) return undefined;
  return segmentError(segment.replaceAll('*', 'a'), index);
}

function wildcardError(text: string): string | undefined {
  const count = segmentsOf(text).reduce(
    (sum, segment) => sum + (segment === '**' ? 1 : segment.split('*').length - 1),
    0,
  );
  return count > maxWildcards ? `must have at most ${maxWildcards} wildcards; got ${count}` : undefined;
}
