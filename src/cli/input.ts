/** What a user hands in: a file, or standard input. */
import { readFileArgument } from './read-input.js';
import type { Io } from './io.js';

/** All bytes of a file; of standard input for `-`. @throws `CONFIG_INVALID` */
export async function readInputArgument({ stdin }: Io, file: string): Promise<Uint8Array<ArrayBuffer>> {
  if (file !== '-') return readFileArgument(file);
  const chunks: Uint8Array[] = [];
  for await (const chunk of stdin as AsyncIterable<Uint8Array | string>)
    chunks.push(typeof chunk === 'string' ? Buffer.from(chunk) : chunk);
  return new Uint8Array(Buffer.concat(chunks));
}
