/** A file of an {@link AuditFolder}. Only `read` and `sync` may run while another operation runs. */
export interface AuditFile {
  sizeBytes(): Promise<number>;
  /** Resolves to `lengthBytes` bytes from `offset`, or to fewer bytes at the end of the file. */
  read(offset: number, lengthBytes: number): Promise<Buffer>;
  /** Resolves when the bytes survive the end of this process. */
  write(offset: number, data: Uint8Array): Promise<void>;
  /** Resolves when the written bytes and the name of the file survive a power failure. */
  sync(): Promise<void>;
  truncate(sizeBytes: number): Promise<void>;
  close(): Promise<void>;
}

/** A folder of log files. Only one process writes the files. */
export interface AuditFolder {
  names(): Promise<readonly string[]>;
  /** Resolves to undefined if the file does not exist. */
  open(name: string): Promise<AuditFile | undefined>;
  /** Creates a file, or empties an existing file. */
  create(name: string): Promise<AuditFile>;
  remove(name: string): Promise<void>;
}

/**
 * Opens a folder that only this user can access. Creates a missing folder.
 *
 * @param subject - the folder, for error messages
 * @throws {@link ClerkError} `CONFIG_INVALID` when the folder cannot be created; `FORBIDDEN` when another user owns
 * the folder
 */
export type OpenAuditFolder = (path: string, subject: string) => Promise<AuditFolder>;
