/**
 * A file of a {@link DataFolder}. An operation, except `read`, may start only after the previous operation has ended.
 */
export interface DataFile {
  sizeBytes(): Promise<number>;
  /** Resolves to `lengthBytes` bytes from `offset`, or to fewer bytes at the end of the file. */
  read(offset: number, lengthBytes: number): Promise<Buffer>;
  /** Resolves when the bytes and the new size survive a power failure. */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Resolves when the new size survives a power failure. */
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

export interface DataFolder {
  /**
   * Inode number of the lock file, then `@` and the creation time of the lock file if known. A copy of the folder has
   * another identity.
   */
  readonly identity?: string | undefined;
  /** Returns the names of all files and subfolders, except the lock file. */
  names(): Promise<readonly string[]>;
  open(name: string): Promise<DataFile | undefined>;
  /** Creates a file, or empties an existing file. Resolves when the file name survives a power failure. */
  create(name: string): Promise<DataFile>;
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

/**
 * Opens a folder for this process alone. Creates a missing folder.
 *
 * @param subject - the folder, for error messages, such as `Data folder '/var/lib/clerk'`
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder cannot be created or locked; `FORBIDDEN` when another
 * process uses the folder, or another user owns the folder or a file in the folder
 */
export type OpenDataFolder = (path: string, subject: string) => Promise<DataFolder>;
