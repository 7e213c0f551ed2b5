import { accessSync, closeSync, constants, fstatSync, openSync, readFileSync, renameSync } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { PrivateFiles } from '../core/files.js';

let writeCount = 0;

/** Files that only this user can read. @see [A23](../../docs/guarantees.md#a23) */
export const systemFiles: PrivateFiles = {
  read(path, maxBytes, isSecret = false) {
    let descriptor: number;
    try {
      descriptor = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw error;
    }
    try {
      const { mode, uid, size, isPlain } = fileStatus(descriptor);
      if (!isPlain) throw new Error('the file is not a regular file');
      if (uid !== process.getuid?.())
        throw new Error('the file belongs to another user; change its owner with chown');
      if ((mode & 0o022) !== 0)
        throw new Error('the file is writable by other users; run chmod 600 on the file');
      if (isSecret && (mode & 0o044) !== 0)
        throw new Error('the file is readable by other users; run chmod 600 on the file');
      if (size > maxBytes)
        throw new Error(`the file must have at most ${String(maxBytes)} bytes; got ${String(size)}`);
      // This takes half as long as `readFileSync` with an encoding.
      return readFileSync(descriptor).toString('utf8');
    } finally {
      closeSync(descriptor);
    }
  },

  writeProblem(path) {
    try {
      accessSync(dirname(path), constants.W_OK | constants.X_OK);
      return undefined;
    } catch (error) {
      return (error as Error).message;
    }
  },

  async replace(path, text, expected) {
    const temporaryPath = `${path}.${String(process.pid)}-${String(++writeCount)}.tmp`;
    try {
      const file = await open(temporaryPath, 'wx', 0o600);
      try {
        await file.writeFile(text);
        await file.sync();
      } finally {
        await file.close();
      }
      if (expected === undefined) await rename(temporaryPath, path);
      else {
        // Both calls are synchronous, so no other code of this process runs between them.
        if (readFileSync(path, 'utf8') !== expected) throw new Error('another process has changed the file');
        renameSync(temporaryPath, path);
      }
    } catch (error) {
      await rm(temporaryPath, { force: true });
      throw error;
    }
  },
};

function fileStatus(descriptor: number): { mode: number; uid: number; size: number; isPlain: boolean } {
  const status = fstatSync(descriptor);
  return { mode: status.mode, uid: status.uid, size: status.size, isPlain: status.isFile() };
}
