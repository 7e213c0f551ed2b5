/** The port of small files that a program keeps for itself. */

/** Files of this process's own. */
export interface PrivateFiles {
  /**
   * The whole text of a file; undefined when there is none. Synchronous: for the beginning of a program.
   *
   * @param maxBytes - a longer one is refused
   * @throws Error when it cannot be read, is not a plain file of this user's, or may be written by others
   */
  read(path: string, maxBytes: number): string | undefined;
  /** Puts a text in the place of a file, for this user's eyes only: whoever reads it finds the old or the new, whole. */
  replace(path: string, text: string): Promise<void>;
}
