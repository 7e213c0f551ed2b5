import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { FileFacts } from './file-trust.js';

/** Returns the facts of a file, then of each folder above it. @param path - real path, without symbolic links */
export async function pathFacts(path: string): Promise<readonly FileFacts[]> {
  const chain = [path];
  for (let each = path; each !== dirname(each); each = dirname(each)) chain.push(dirname(each));
  return Promise.all(chain.map(fileFacts));
}

export async function fileFacts(path: string): Promise<FileFacts> {
  const facts = await stat(path);
  const kind = facts.isFile() ? 'file' : facts.isDirectory() ? 'folder' : 'other';
  return { path, kind, owner: facts.uid, mode: facts.mode };
}

/** Returns the user id of this process; undefined on a host without user ids. */
export function effectiveUid(): number | undefined {
  return process.geteuid?.();
}
