/** Port to small files that only this process's user may read and write. */
export interface PrivateFiles {
  /**
   * The complete text of a file; undefined when it does not exist. Synchronous, for the start of a program.
   *
   * @param maxBytes - a longer file is an error
   * @throws Error when the file cannot be read, is not a regular file of this user, or is writable by others
   */
  read(path: string, maxBytes: number): string | undefined;
  /** Replaces a file atomically, readable by this user only. A reader finds the complete old or the complete new text. */
  replace(path: string, text: string): Promise<void>;
}
