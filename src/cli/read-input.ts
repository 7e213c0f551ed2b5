/** The command line's only door to files: what the user names, and this package's own version. */
import { readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ClerkError, errorMessage } from '../core/errors.js';

/** All of a file that the user named. @throws `CONFIG_INVALID` */
export async function readFileArgument(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new ClerkError('CONFIG_INVALID', `The file ${path} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}

/** Version of this package. */
export function packageVersion(): string {
  const file = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}
