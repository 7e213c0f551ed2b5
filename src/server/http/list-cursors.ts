import { HttpError } from './http-error.js';

const maxCursors = 1_000;
const digits = 12;

/**
 * A cursor replaces the position of a listing, if the position is a name that the caller may not see. It sorts after
 * the listed names, and before the names that follow.
 *
 * @see [C7.4](../../../docs/guarantees.md#c7-4)
 */
export class ListCursors {
  /** Hidden names by cursor, oldest first. */
  readonly #names = new Map<string, string>();
  #count = 0;

  /** @param after - the last name that the caller may see, or an earlier cursor; undefined at the start */
  hide(name: string, after: string | undefined): string {
    const [visible = ''] = (after ?? '').split('/!', 1);
    // `!` sorts before all characters of a name except `/`.
    const cursor = `${visible}/!${String(++this.#count).padStart(digits, '0')}`;
    if (this.#names.size >= maxCursors) this.#names.delete(this.#names.keys().next().value as string);
    this.#names.set(cursor, name);
    return cursor;
  }

  /**
   * Returns the name for a cursor, and any other text unchanged.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` for a cursor that is unknown or too old
   */
  reveal(after: string | undefined): string | undefined {
    if (after === undefined || !after.includes('/!')) return after;
    const name = this.#names.get(after);
    if (name !== undefined) return name;
    throw new HttpError('CONFIG_INVALID', 'The position of the listing has expired; start the listing again');
  }
}
