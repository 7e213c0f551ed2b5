/**
 * Globs: names with wildcards. The grammar is our own and nothing a user writes becomes a RegExp. Matching compares
 * each character of a name with each character of the glob at most once, whatever either looks like.
 */
import { ClerkError } from './errors.js';
import { pathError, segmentError, segmentsOf } from './name.js';
import { quote } from './describe-value.js';

/** Most wildcards in a glob; a `**` counts once. @see promises A6 */
const maxWildcards = 8;

/** A glob that was checked. Immutable. */
export interface Glob {
  /** As it was written. */
  readonly text: string;
  /** Its segments, first to last. */
  readonly segments: readonly string[];
  /** Whether it has no wildcard, so that it fits the one name it spells. */
  readonly isExact: boolean;
}

/**
 * Checks a glob. It is written like an absolute name, and beyond that:
 *
 * - `*` stands for any number of characters within a segment, none included: `/shop/or*` fits `/shop/or` and
 *   `/shop/orders`, `/shop/*` fits every name of two segments that begins with `/shop`.
 * - `**`, as a segment of its own, stands for any number of segments, none included: `/shop/**` fits `/shop`,
 *   `/shop/orders` and `/shop/orders/eu`; `/**` fits every name.
 * - There are at most 8 of them. A glob without any is a name and fits only itself.
 * - `*` and `**` also stand for a directory identifier, with its `#`.
 *
 * @param text - the glob
 * @throws {@link ClerkError} `NAME_INVALID`, saying what to write instead; also for text beside a star that no name could have there
 * @see promises A6
 */
export function parseGlob(text: unknown): Glob {
  const fault = pathError(text, globSegmentError) ?? wildcardError(text as string);
  if (fault !== undefined) throw new ClerkError('NAME_INVALID', `Glob ${quote(text)} ${fault}`);
  const glob = text as string;
  return Object.freeze({
    text: glob,
    segments: Object.freeze(segmentsOf(glob)),
    isExact: !glob.includes('*'),
  });
}

/**
 * Whether a glob fits a name.
 *
 * @param glob - from {@link parseGlob}
 * @param name - an absolute name that was checked
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
 * Walks a pattern of `length` items along what it should fit, over segments and then over characters. Where it does
 * not go on, the last wildcard takes one more; those before it never need to, since what stands between two wildcards
 * fits best as early as it can.
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
  if (segment.includes('**')) return "has '**' beside something else; let it be a segment of its own";
  // A star stands for something or for nothing; what is beside it must be possible in one of the two.
  if (segmentError(segment.replaceAll('*', ''), index) === undefined) return undefined;
  return segmentError(segment.replaceAll('*', 'a'), index);
}

function wildcardError(text: string): string | undefined {
  const count = segmentsOf(text).reduce(
    (sum, segment) => sum + (segment === '**' ? 1 : segment.split('*').length - 1),
    0,
  );
  return count > maxWildcards ? `has ${count} wildcards; ${maxWildcards} is the most` : undefined;
}
