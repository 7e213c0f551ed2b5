export interface PrivateFiles {
  /**
   * Returns the text of a file; undefined if the file does not exist. Throws if the file cannot be read, is longer
   * than `maxBytes`, is not a regular file, belongs to another user, or is writable by other users.
   *
   * @param isSecret - whether to throw also when other users can read the file. Default false.
   */
  read(path: string, maxBytes: number, isSecret?: boolean): string | undefined;
  /** Returns why the file cannot be written in its folder; undefined if the file can be written. */
  writeProblem?(path: string): string | undefined;
  /**
   * Replaces a file atomically. Only the user of this process can read the new file.
   *
   * @param expected - the text that the file must have; otherwise the file is kept, and the promise is rejected
   */
  replace(path: string, text: string, expected?: string): Promise<void>;
}
