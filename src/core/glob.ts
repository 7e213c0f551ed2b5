/**
 * Globs are matched without a RegExp, because the run time of a RegExp can grow exponentially. A match reads each
 * segment of a name at most once for each segment of the glob.
 */
import { subjectOf } from './describe-value.js';
import { ClerkError } from './errors.js';
import { pathError, segmentError, segmentsOf } from './name.js';

/** Maximum number of wildcards in a glob. `**` counts as one wildcard. @see [A6](../../docs/guarantees.md#a6) */
const maxWildcards = 8;

export interface Glob {
  readonly text: string;
  readonly segments: readonly string[];
  readonly isExact: boolean;
  /** For each segment, the texts between its stars; an empty list for `**`. */
  readonly pieces: readonly (readonly string[])[];
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
  if (problem !== undefined) throw new ClerkError('NAME_INVALID', `${subjectOf('Glob', text)} ${problem}`);
  const glob = text as string;
  return Object.freeze({
    text: glob,
    segments: Object.freeze(segmentsOf(glob)),
    isExact: !glob.includes('*'),
    pieces: Object.freeze(segmentsOf(glob).map((segment) => (segment === '**' ? [] : segment.split('*')))),
  });
}

/**
 * After a mismatch, only the last `**` is extended by one segment. An earlier `**` keeps its shortest match, because a
 * longer match would leave fewer segments for the rest of the glob.
 */
export function matches(glob: Glob, name: string): boolean {
  if (glob.isExact) return glob.text === name;
  const { pieces } = glob;
  const segments = segmentsOf(name);
  let at = 0;
  let position = 0;
  let wildAt = -1;
  let wildUntil = 0;
  while (position < segments.length) {
    const wanted = pieces[at];
    if (wanted?.length === 0) {
      wildAt = at++;
      wildUntil = position;
    } else if (wanted !== undefined && segmentMatches(wanted, segments[position] as string)) {
      at++;
      position++;
    } else if (wildAt >= 0) {
      at = wildAt + 1;
      position = ++wildUntil;
    } else {
      return false;
    }
  }
  while (pieces[at]?.length === 0) at++;
  return at === pieces.length;
}

/**
 * Returns globs for the part of a name after `prefix`. Together, they match this part of every name below `prefix` that
 * `glob` matches. Empty if `glob` matches no name below `prefix`.
 *
 * @param prefix - an absolute name
 */
export function globsBelow({ segments }: Glob, prefix: string): ReadonlySet<string> {
  const below = new Set<string>();
  for (let headLength = 1; headLength <= segments.length; headLength++) {
    const head = segments.slice(0, headLength);
    if (!matches(parseGlob(`/${head.join('/')}`), prefix)) continue;
    // A `**` that matches the end of the prefix may also match segments below the prefix.
    const rest = [...(head.at(-1) === '**' ? ['**'] : []), ...segments.slice(headLength)];
    if (rest.length > 0) below.add(`/${rest.join('/')}`);
  }
  return below;
}

/** Whether a segment consists of `pieces`, with any characters between them. */
function segmentMatches(pieces: readonly string[], segment: string): boolean {
  const first = pieces[0] as string;
  const last = pieces[pieces.length - 1] as string;
  if (pieces.length === 1) return first === segment;
  const end = segment.length - last.length;
  if (first.length > end || !segment.startsWith(first) || !segment.endsWith(last)) return false;
  let position = first.length;
  for (let i = 1; i < pieces.length - 1; i++) {
    const piece = pieces[i] as string;
    const found = segment.indexOf(piece, position);
    if (found < 0) return false;
    position = found + piece.length;
  }
  return position <= end;
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
