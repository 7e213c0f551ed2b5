import { ClerkError, errorMessage } from '../../core/errors.js';
import type { PrivateFiles } from '../../core/files.js';
import { quote } from '../../core/describe-value.js';

const maxBytes = 65_536;

/**
 * Reads a store URL from a file that only the user of this process can read.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when the file does not exist, is not a single line, or other users can
 *   read it
 */
export function readStoreFile(path: string, files: Pick<PrivateFiles, 'read'>): string {
  let text: string | undefined;
  try {
    text = files.read(path, maxBytes, true);
  } catch (cause) {
    throw new ClerkError(
      'CONFIG_INVALID',
      `File ${quote(path)} with the URL of the store cannot be used: ${errorMessage(cause)}`,
      { cause },
    );
  }
  if (text === undefined)
    throw new ClerkError(
      'CONFIG_INVALID',
      `File ${quote(path)} with the URL of the store does not exist; write the URL into this file, then run chmod 600 on the file`,
    );
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  if (lines.length !== 1)
    throw new ClerkError(
      'CONFIG_INVALID',
      `File ${quote(path)} must have the URL of the store on one line; got ${String(lines.length)} lines`,
    );
  return (lines[0] as string).trim();
}
