/**
 * Names: absolute paths such as `/shop/orders`. A name is accepted as it is or refused with the reason; nothing is
 * repaired, so one service has exactly one spelling. Checking takes time in proportion to the length.
 */
import { ClerkError } from './errors.js';
import { quote } from './describe-value.js';

/** Most bytes of a name. As a host (`orders.shop.clerk`) it is 5 longer, which DNS's 253 just admit. @see promises C8.2 */
const maxBytes = 247;
/** Most segments of a name. */
const maxSegments = 16;
/** Most characters of a segment, as of a label in DNS. */
const maxSegmentLength = 63;

/**
 * Checks an absolute name: 1–16 segments behind one `/` each, 247 bytes at most. A segment is 1–63 of `a–z`, `0–9` and
 * `-`, neither begins nor ends with `-`, and does not begin with `xn--`. The first one may be a directory identifier
 * instead: `#` and 1–32 of `a–z`, `0–9` and `-`.
 *
 * @param text - the name
 * @param what - what the message calls it. Default `Name`.
 * @returns the same text
 * @throws {@link ClerkError} `NAME_INVALID`, saying which segment is at fault, why, and what to write
 * @see GNS G1; promises A1, A2, C8.2
 */
export function parseName(text: unknown, what = 'Name'): string {
  const fault = pathError(text, segmentError);
  if (fault !== undefined) throw new ClerkError('NAME_INVALID', `${what} ${quote(text)} ${fault}`);
  return text as string;
}

/**
 * The absolute name that a name stands for: one without a leading `/` is put behind the root.
 *
 * @param text - absolute or relative name
 * @param root - absolute name; `''` and `/` mean none
 * @throws {@link ClerkError} `NAME_INVALID`
 * @see GNS G1 (working root)
 */
export function absoluteName(text: unknown, root: string): string {
  if (typeof text !== 'string' || text === '' || text.startsWith('/')) return parseName(text);
  return parseName(`${root === '/' ? '' : root}/${text}`);
}

/** Whether a text is an absolute name, by the rules of {@link parseName}. */
export function isName(text: unknown): boolean {
  return pathError(text, segmentError) === undefined;
}

/**
 * The segments of a name, first to last.
 *
 * @param name - an absolute name that was checked
 */
export function segmentsOf(name: string): readonly string[] {
  return name.slice(1).split('/');
}

/** Whether a text can be any segment of a name; a directory identifier, which can only be the first, cannot. */
export function isSegment(text: string): boolean {
  return segmentError(text, 1) === undefined;
}

/** What is wrong with a segment, or undefined. `index` counts from 0. */
export type SegmentCheck = (segment: string, index: number) => string | undefined;

/**
 * What is wrong with a path of segments, or undefined: its frame here, the segments by the rule given. For names and
 * for globs, which differ in their segments only.
 */
export function pathError(text: unknown, checkSegment: SegmentCheck): string | undefined {
  if (typeof text !== 'string') return "is not a string; write one such as '/shop/orders'";
  if (text === '') return "is empty; write one such as '/shop/orders'";
  if (!text.startsWith('/')) return "does not begin with '/'; write it in full";
  if (text.length > maxBytes) return `is ${text.length} characters long; ${maxBytes} is the most`;
  if (text === '/') return "has no segment; write one such as '/shop/orders'";
  if (text.endsWith('/')) return "ends with '/'; leave that off";
  const segments = segmentsOf(text);
  if (segments.length > maxSegments) return `has ${segments.length} segments; ${maxSegments} is the most`;
  for (const [index, segment] of segments.entries()) {
    const fault = checkSegment(segment, index);
    if (fault !== undefined) return `fails at segment ${index + 1}: ${quote(segment)} ${fault}`;
  }
  return undefined;
}

/** What is wrong with a segment of a name, or undefined. */
export function segmentError(segment: string, index: number): string | undefined {
  if (segment === '') return "is empty; write one '/' between segments";
  if (segment === '.' || segment === '..')
    return 'would be a step in a file system; names have none, write the name in full';
  if (index === 0 && segment.startsWith('#')) return directoryIdError(segment.slice(1));
  if (segment.length > maxSegmentLength)
    return `is ${segment.length} characters long; ${maxSegmentLength} is the most`;
  const fault = characterError(segment);
  if (fault !== undefined) return fault;
  if (segment.startsWith('-') || segment.endsWith('-'))
    return "begins or ends with '-'; let it begin and end with a letter or digit";
  if (segment.startsWith('xn--'))
    return "begins with 'xn--', which DNS keeps for other alphabets; choose another word";
  return undefined;
}

/** What is wrong with a directory identifier behind its `#`, or undefined. */
function directoryIdError(id: string): string | undefined {
  if (id === '' || id.length > 32)
    return `is a directory identifier with ${id.length} characters behind '#'; 1 to 32 can be there`;
  return characterError(id);
}

/** What is wrong with the characters of a segment: the first one that no name can have. */
function characterError(text: string): string | undefined {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if ((code >= 97 && code <= 122) || (code >= 48 && code <= 57) || code === 45) continue;
    if (code >= 65 && code <= 90) return `has the capital '${text.charAt(i)}'; write small letters`;
    if (code === 35) return "has a '#', which only the first segment can begin with";
    return `has the character ${quote(String.fromCodePoint(text.codePointAt(i) ?? code))}; only a–z, 0–9 and '-' can be in a name`;
  }
  return undefined;
}
