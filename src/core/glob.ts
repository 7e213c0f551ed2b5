/**
 * Globs: names with wildcards. A glob is never turned into a RegExp. Matching takes time proportional to the product of the
 * lengths of glob and name, for any input.
 */
import { quote } from './describe-value.js';
import { ClerkError } from './errors.js';
import { pathError, segmentError, segmentsOf } from './name.js';

/** Maximum number of wildcards in a glob; a `**` counts once. @see [A6](../../docs/guarantees.md#a6) */
const maxWildcards = 8;

/** A validated glob. Immutable. */
export interface Glob {
  /** The input. */
  readonly text: string;
  /** Its segments, first to last. */
  readonly segments: readonly string[];
  /** Whether it has no wildcard, and so matches exactly one name. */
  readonly isExact: boolean;
}

/**
 * Validates a glob. It is written like an absolute name, with these additions:
 *
 * - `*` matches any number of characters within a segment, including none. `/shop/or*` matches `/shop/or` and
 *   `/shop/orders`; `/shop/*` matches every name of two segments that begins with `/shop`.
 * - `**`, as a whole segment, matches any number of segments, including none. `/shop/**` matches `/shop`, `/shop/orders`
 *   and `/shop/orders/eu`; `/**` matches every name.
 * - There are at most 8 wildcards. A glob without any matches only the name it spells.
 * - `*` and `**` also match a directory identifier, with its `#`.
 *
 * @param text - the glob
 * @throws {@link ClerkError} `NAME_INVALID` when it breaks these rules, or when no name can match a segment.
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

/**
 * Whether a glob matches a name.
 *
 * @param glob - from {@link parseGlob}
 * @param name - a valid absolute name
 */
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
 * Matches a pattern of `length` items against a sequence, of segments or of characters. On a mismatch, only the last
 * wildcard takes one more item. Earlier wildcards need not be retried, since each has taken the shortest possible match.
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
  if (segment.includes('**')) return "must not combine '**' with other characters; make '**' a segment";
  // A star matches nothing or something. The rest must be valid in one of the two cases.
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
