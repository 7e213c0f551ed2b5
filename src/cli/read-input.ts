import { lstat, readFile } from 'node:fs/promises';
import { ClerkError, errorMessage } from '../core/errors.js';
import type { Io } from './io.js';

export async function readInput({ stdin }: Io, file: string): Promise<Uint8Array<ArrayBuffer>> {
  if (file !== '-') return readInputFile(file);
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin as AsyncIterable<Uint8Array | string>)
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return new Uint8Array(Buffer.concat(chunks));
}

/** Also resolves to true for a symbolic link without a target. */
export function pathExists(path: string): Promise<boolean> {
  return lstat(path).then(
    () => true,
    () => false,
  );
}

async function readInputFile(path: string): Promise<Uint8Array<ArrayBuffer>> {
  try {
    return new Uint8Array(await readFile(path));
  } catch (error) {
    throw new ClerkError('CONFIG_INVALID', `File ${path} cannot be read: ${errorMessage(error)}`, {
      cause: error,
    });
  }
}
