/** Names: absolute paths such as `/shop/orders`. Each name has one spelling: an invalid name is never corrected. */
import { describeValue, quote, subjectOf } from './describe-value.js';
import { ClerkError } from './errors.js';

/**
 * The host name of a name is 5 bytes longer than the name, and DNS allows 253 bytes. @see
 * [C8.2](../../docs/guarantees.md#c8-2)
 */
export const maxNameBytes = 247;
const maxSegments = 16;
/** The maximum of a DNS label. */
const maxSegmentLength = 63;

/**
 * Validates an absolute name: 1–16 segments, each after a `/`, at most 247 bytes in all. A segment has 1–63
 * characters of `a–z`, `0–9` and `-`, neither begins nor ends with `-`, and does not begin with `xn--`. The first
 * segment may be a directory identifier instead: `#` and 1–32 characters of `a–z`, `0–9` and `-`.
 * @throws {@link ClerkError} `NAME_INVALID` when the name breaks a rule
 * @see [G1](../../docs/background.md#g1), [A1](../../docs/guarantees.md#a1), [A2](../../docs/guarantees.md#a2),
 * [C8.2](../../docs/guarantees.md#c8-2)
 */
export function parseName(text: unknown, what = 'Name'): string {
  const problem = pathError(text, segmentError);
  if (problem !== undefined) throw new ClerkError('NAME_INVALID', `${subjectOf(what, text)} ${problem}`);
  return text as string;
}

/**
 * Returns the absolute form of a name. A name without a leading `/` is appended to `root`. A root of `''` or `/` adds
 * nothing.
 *
 * @throws {@link ClerkError} `NAME_INVALID` when the result is not a valid name.
 * @see [G1](../../docs/background.md#g1) (working root)
 */
export function absoluteName(text: unknown, root: string): string {
  if (typeof text !== 'string' || text === '' || text.startsWith('/')) return parseName(text);
  return parseName(`${root === '/' ? '' : root}/${text}`);
}

export function isName(text: unknown): boolean {
  return pathError(text, segmentError) === undefined;
}

export function segmentsOf(name: string): readonly string[] {
  return name.slice(1).split('/');
}

/** Whether a text is a valid segment, but not a directory identifier. */
export function isSegment(text: string): boolean {
  return segmentError(text, 1) === undefined;
}

/** Whether `name` equals `other` or is below `other`. */
export function isWithin(name: string, other: string): boolean {
  return name === other || (name.startsWith(other) && name.charCodeAt(other.length) === slash);
}

/** Compares names for a depth-first order: a name, then all names below it, then the next sibling. */
export function compareNames(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const left = a.charCodeAt(i);
    const right = b.charCodeAt(i);
    // `/` sorts first, so `/shop/orders` comes before `/shop-eu`.
    if (left !== right) return left === slash ? -1 : right === slash ? 1 : left - right;
  }
  return a.length - b.length;
}

const slash = 47;

/**
 * Returns why a segment is invalid; undefined if the segment is valid. `index` is the position of the segment, from 0.
 */
export type SegmentCheck = (segment: string, index: number) => string | undefined;

export function pathError(text: unknown, checkSegment: SegmentCheck): string | undefined {
  if (typeof text !== 'string') return `must be a string such as '/shop/orders'; got ${describeValue(text)}`;
  if (text === '') return "must not be empty; write a name such as '/shop/orders'";
  if (!text.startsWith('/')) return "must begin with '/'; write the absolute name";
  if (text.length > maxNameBytes) return `must have at most ${maxNameBytes} characters; got ${text.length}`;
  if (text === '/') return "must have at least one segment; write a name such as '/shop/orders'";
  if (text.endsWith('/')) return "must not end with '/'; remove the last '/'";
  const segments = segmentsOf(text);
  if (segments.length > maxSegments)
    return `must have at most ${maxSegments} segments; got ${segments.length}`;
  for (const [index, segment] of segments.entries()) {
    const problem = checkSegment(segment, index);
    if (problem !== undefined) return `is invalid at segment ${index + 1}: ${quote(segment)} ${problem}`;
  }
  return undefined;
}

export function segmentError(segment: string, index: number): string | undefined {
  if (segment === '') return "must not be empty; write a single '/' between segments";
  if (segment === '.' || segment === '..')
    return "must not be a relative path step; write an absolute name without '.' and '..'";
  if (index === 0 && segment.startsWith('#')) return directoryIdError(segment.slice(1));
  if (segment.length > maxSegmentLength)
    return `must have at most ${maxSegmentLength} characters; got ${segment.length}`;
  const problem = characterError(segment);
  if (problem !== undefined) return problem;
  if (segment.startsWith('-') || segment.endsWith('-')) return 'must begin and end with a letter or digit';
  if (segment.startsWith('xn--'))
    return "must not begin with 'xn--', which DNS reserves for internationalized names";
  return undefined;
}

function directoryIdError(id: string): string | undefined {
  if (id === '' || id.length > 32) return `must have 1 to 32 characters after '#'; got ${id.length}`;
  return characterError(id);
}

function characterError(text: string): string | undefined {
  const [found] = /[^a-z0-9-]/u.exec(text) ?? [];
  if (found === undefined) return undefined;
  if (found === '#') return "must not contain '#'; only the first segment of a name may begin with '#'";
  if (/[A-Z]/.test(found)) return `must be lower case; got the capital '${found}'`;
  return `must contain only a–z, 0–9 and '-'; got ${quote(found)}`;
}
