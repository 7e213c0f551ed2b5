import { parsePosition } from '../protocol/position.js';

/**
 * The last position that a client has seen of one registry server. Each request states the position, so that the
 * server notices when an older copy has replaced its data.
 *
 * @see [decision 079](../../docs/decisions/079-restored-registry.md)
 */
export class SeenPosition {
  #latest = '';

  /** Records a position of the form `<incarnation>:<revision>:<mark>`. Ignores a position without a mark. */
  record(position: string): void {
    if (position !== this.#latest && hasMark(position)) this.#latest = laterOf(position, this.#latest);
  }

  /**
   * Returns the positions for a request, or an empty text.
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
