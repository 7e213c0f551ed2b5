/** Port to small files that only this process's user may read and write. */
export interface PrivateFiles {
  /**
   * Returns the complete text of a file; undefined when the file does not exist. Synchronous, for use at the start of a
   * program.
   *
   * @param maxBytes - maximum size of the file, in bytes
   * @throws Error when the file cannot be read, is longer than `maxBytes`, is not a regular file, belongs to another
   * user, or is writable by other users.
   */
  read(path: string, maxBytes: number): string | undefined;
  /**
   * Replaces a file atomically; only this user can read the new file. A concurrent reader gets the complete old text or
   * the complete new text.
   */
  replace(path: string, text: string): Promise<void>;
}
