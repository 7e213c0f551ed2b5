import { constants } from 'node:fs';
import { open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { AuditFile, AuditFolder, OpenAuditFolder } from '../core/audit-folder.js';
import { privateFolder } from './private-folder.js';

const existingFile = constants.O_RDWR | constants.O_NOFOLLOW;
const newFile = existingFile | constants.O_CREAT | constants.O_TRUNC;

/** Opens a folder of log files on the disk. @see [A23](../../docs/guarantees.md#a23) */
export const openAuditFolder: OpenAuditFolder = async (path, subject) => {
  await privateFolder(path, subject);
  return new SystemAuditFolder(path);
};

class SystemAuditFolder implements AuditFolder {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  names(): Promise<readonly string[]> {
    return readdir(this.#path);
  }

  async open(name: string): Promise<AuditFile | undefined> {
    try {
      return new SystemAuditFile(await open(join(this.#path, name), existingFile));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async create(name: string): Promise<AuditFile> {
    return new SystemAuditFile(await open(join(this.#path, name), newFile, 0o600), this.#path);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#path, name), { force: true });
  }
}

class SystemAuditFile implements AuditFile {
  readonly #file: FileHandle;
  /** Folder of a new file; undefined after the folder has been synced. */
  #newIn: string | undefined;

  constructor(file: FileHandle, newIn?: string) {
    this.#file = file;
    this.#newIn = newIn;
  }

  async sizeBytes(): Promise<number> {
    return (await this.#file.stat()).size;
  }

  async read(offset: number, lengthBytes: number): Promise<Buffer> {
    const buffer = Buffer.allocUnsafe(lengthBytes);
    let filled = 0;
    while (filled < lengthBytes) {
      const { bytesRead } = await this.#file.read(buffer, filled, lengthBytes - filled, offset + filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return buffer.subarray(0, filled);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    for (let written = 0; written < data.length;) {
      const rest = data.length - written;
      written += (await this.#file.write(data, written, rest, offset + written)).bytesWritten;
    }
  }

  async sync(): Promise<void> {
    await this.#file.datasync();
    if (this.#newIn === undefined) return;
    await syncNames(this.#newIn);
    this.#newIn = undefined;
  }

  truncate(sizeBytes: number): Promise<void> {
    return this.#file.truncate(sizeBytes);
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}

async function syncNames(folder: string): Promise<void> {
  // On Windows, a folder cannot be opened and synced.
  if (process.platform === 'win32') return;
  const file = await open(folder, constants.O_RDONLY);
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
