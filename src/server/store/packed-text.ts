import { promisify } from 'node:util';
import { deflateRaw, inflateRaw } from 'node:zlib';

/** Minimum size of a text that is compressed, in bytes. */
const minDeflatedBytes = 16 * 1024;
const plain = 't'.charCodeAt(0);
const deflated = 'z'.charCodeAt(0);

const deflate = promisify(deflateRaw);
const inflate = promisify(inflateRaw);

/** Returns a text as bytes. The first byte states whether the text after it, in UTF-8, is compressed. */
export async function packText(text: string): Promise<Buffer> {
  const bytes = Buffer.from(text, 'utf8');
  if (bytes.length < minDeflatedBytes) return Buffer.concat([Buffer.of(plain), bytes]);
  return Buffer.concat([Buffer.of(deflated), await deflate(bytes, { level: 1 })]);
}

export async function unpackText(bytes: Buffer): Promise<string> {
  const content = bytes.subarray(1);
  return (bytes[0] === deflated ? await inflate(content) : content).toString('utf8');
}
