import { readFileSync } from 'node:fs';

/** Maximum size of a file with a certificate or a key. */
const maxBytes = 1024 * 1024;

/** Throws if the file cannot be read or is larger than 1 MiB. */
export function readTextFile(path: string): string {
  const text = readFileSync(path);
  if (text.length > maxBytes)
    throw new Error(`the file must have at most ${String(maxBytes)} bytes; got ${String(text.length)}`);
  return text.toString('utf8');
}
