import { constants, read, write } from 'node:fs';
import { lstat, open, readdir, rm, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import type { DataFile, DataFolder, OpenDataFolder } from '../core/data-folder.js';
import { ClerkError } from '../core/errors.js';
import { quote } from '../core/describe-value.js';
import { fileIdentity } from './folder-identity.js';
import { lockFileOf, lockFolder, lockName } from './folder-lock.js';
import { ownerName, privateFolder, shellQuote } from './private-folder.js';

/** On Linux, this flag makes each write sync its data, which saves a system call. */
const syncFlag = process.platform === 'linux' ? constants.O_DSYNC : 0;
const existingFile = constants.O_RDWR | constants.O_NOFOLLOW | syncFlag;
const newFile = existingFile | constants.O_CREAT | constants.O_TRUNC;

/**
 * Opens a data folder on the disk, and locks the folder for this process.
 *
 * @see [A23](../../docs/guarantees.md#a23), [C5.1](../../docs/guarantees.md#c5-1)
 */
export const openDataFolder: OpenDataFolder = async (path, subject) => {
  await privateFolder(path, subject);
  await checkOwners(path, subject);
  const unlock = await lockFolder(path, subject);
  return new SystemDataFolder(path, await fileIdentity(lockFileOf(path)), unlock);
};

/** Rejects if another user owns a file in the folder, because this process may not be able to write that file. */
async function checkOwners(path: string, subject: string): Promise<void> {
  const user = process.getuid?.();
  if (user === undefined) return;
  for (const name of await readdir(path)) {
    if (name === 'lost+found') continue;
    const { uid } = await lstat(join(path, name));
    if (uid !== user)
      throw new ClerkError(
        'FORBIDDEN',
        `${subject} contains ${quote(name)}, which belongs to user ${ownerName(uid)}, and this process runs as user ${ownerName(user)}; change the owner: sudo chown -R ${user} ${shellQuote(path)}`,
      );
  }
}

class SystemDataFolder implements DataFolder {
  readonly identity: string | undefined;
  readonly #path: string;
  readonly #unlock: () => Promise<void>;

  constructor(path: string, identity: string | undefined, unlock: () => Promise<void>) {
    this.#path = path;
    this.identity = identity;
    this.#unlock = unlock;
  }

  async names(): Promise<readonly string[]> {
    return (await readdir(this.#path)).filter((name) => name !== lockName);
  }

  async open(name: string): Promise<DataFile | undefined> {
    try {
      return new SystemDataFile(await open(join(this.#path, name), existingFile));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
  }

  async create(name: string): Promise<DataFile> {
    const handle = await open(join(this.#path, name), newFile, 0o600);
    await this.#syncNames();
    return new SystemDataFile(handle);
  }

  async remove(name: string): Promise<void> {
    await rm(join(this.#path, name), { force: true });
  }

  close(): Promise<void> {
    return this.#unlock();
  }

  async #syncNames(): Promise<void> {
    // On Windows, a folder cannot be opened and synced.
    if (process.platform === 'win32') return;
    const handle = await open(this.#path, constants.O_RDONLY);
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  }
}

/** Syncs with a file handle, because `node --permission` forbids other ways to sync a file. */
class SystemDataFile implements DataFile {
  readonly #handle: FileHandle;

  constructor(handle: FileHandle) {
    this.#handle = handle;
  }

  async sizeBytes(): Promise<number> {
    return (await this.#handle.stat()).size;
  }

  async read(offset: number, lengthBytes: number): Promise<Buffer> {
    const size = await this.sizeBytes();
    const buffer = Buffer.allocUnsafe(Math.max(0, Math.min(lengthBytes, size - offset)));
    let filled = 0;
    while (filled < buffer.length) {
      const count = await readPart(this.#handle.fd, buffer, filled, offset + filled);
      if (count === 0) break;
      filled += count;
    }
    return buffer.subarray(0, filled);
  }

  async write(offset: number, data: Uint8Array): Promise<void> {
    for (let written = 0; written < data.length;)
      written += await writePart(this.#handle.fd, data, written, offset + written);
    if (syncFlag === 0) await this.#handle.datasync();
  }

  async truncate(sizeBytes: number): Promise<void> {
    await this.#handle.truncate(sizeBytes);
    await this.#handle.datasync();
  }

  close(): Promise<void> {
    return this.#handle.close();
  }
}

/** Writes with the descriptor, which is faster than the methods of a file handle. Runs for each batch. */
function writePart(descriptor: number, data: Uint8Array, from: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(descriptor, data, from, data.length - from, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}

function readPart(descriptor: number, buffer: Buffer, from: number, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    read(descriptor, buffer, from, buffer.length - from, position, (error, count) =>
      error === null ? resolve(count) : reject(error),
    );
  });
}
