import { parsePosition } from '../protocol/position.js';

/**
 * The last position that a client has seen of one registry server. The client returns the position with each request,
 * so that the server notices when its data was replaced by an older copy.
 *
 * @see [decision 079](../../docs/decisions/079-restored-registry.md)
 */
export class SeenPosition {
  #latest = '';

  /** Records the position of a response or of an event of a watch. Ignores a text without a mark. */
  record(position: string): void {
    if (position !== this.#latest && hasMark(position)) this.#latest = laterOf(position, this.#latest);
  }

  /**
   * Returns the positions for a request; an empty text for none.
   *
   * @param known - a position that an earlier process or another connection has seen
   */
  forRequest(known = ''): string {
    if (!hasMark(known) || known === this.#latest) return this.#latest;
    if (this.#latest === '') return known;
    const isSameIncarnation = parsePosition(known)?.incarnation === parsePosition(this.#latest)?.incarnation;
    return isSameIncarnation ? laterOf(known, this.#latest) : `${this.#latest},${known}`;
  }
}

/** Positions of one incarnation are ordered by revision. A position of another incarnation replaces `previous`. */
function laterOf(position: string, previous: string): string {
  const [a, b] = [parsePosition(position), parsePosition(previous)];
  if (a === undefined || b === undefined || a.incarnation !== b.incarnation) return position;
  return BigInt(a.revision) >= BigInt(b.revision) ? position : previous;
}

function hasMark(position: string): boolean {
  return /^[^:,\s]{1,128}:[0-9]{1,64}:[\x21-\x2b\x2d-\x7e]{1,128}$/.test(position);
}
