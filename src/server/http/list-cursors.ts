import { HttpError } from './http-error.js';

const maxCursors = 1_000;
const digits = 12;

/**
 * Replaces the position of a listing by a cursor, if the position is a name that the caller may not see. A cursor
 * sorts after the listed names and before the following names.
 *
 * @see [C7.4](../../../docs/guarantees.md#c7-4)
 */
export class ListCursors {
  /** Hidden names by cursor, oldest first. */
  readonly #names = new Map<string, string>();
  #count = 0;

  /** @param after - last visible name, or an earlier cursor; undefined at the start of the listing */
  hide(name: string, after: string | undefined): string {
    const [visible = ''] = (after ?? '').split('/!', 1);
    // In the order of names, `!` comes before all characters except `/`.
    const cursor = `${visible}/!${String(++this.#count).padStart(digits, '0')}`;
    if (this.#names.size >= maxCursors) this.#names.delete(this.#names.keys().next().value as string);
    this.#names.set(cursor, name);
    return cursor;
  }

  /**
   * Returns the name of a cursor. Returns any other text unchanged.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` for a cursor that is unknown or too old
   */
  reveal(after: string | undefined): string | undefined {
    if (after === undefined || !after.includes('/!')) return after;
    const name = this.#names.get(after);
    if (name !== undefined) return name;
    throw new HttpError(
      'CONFIG_INVALID',
      "The position in 'after' is unknown or has expired; start the listing again without 'after'",
    );
  }
}
