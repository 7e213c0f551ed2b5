import { configError } from '../core/errors.js';

/**
 * Creates a generator of numbers that are uniform in [0, 1). The numbers are the same on every machine and Node
 * version. The algorithm is sfc32 of PractRand.
 *
 * @param seed - an integer from 0 to 2^53 − 1
 * @param stream - an integer from 0 to 2^32 − 1. Different streams of one seed are unrelated. Default 0.
 * @throws ClerkError `CONFIG_INVALID` when the seed is out of range.
 * @see {@link https://pracrand.sourceforge.net/RNG_engines.txt | PractRand, RNG engines}
 */
export function seededRandom(seed: number, stream = 0): () => number {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw configError(`seed must be an integer from 0 to 2^53 − 1; got ${String(seed)}`);
  }
  let a = seed | 0;
  let b = Math.floor(seed / 2 ** 32) | 0;
  let c = stream | 0;
  let counter = 1;
  const next = (): number => {
    const t = (((a + b) | 0) + counter) | 0;
    counter = (counter + 1) | 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) | 0;
    c = (((c << 21) | (c >>> 11)) + t) | 0;
    return t >>> 0;
  };
  for (let i = 0; i < 15; i++) next();
  return () => next() / 2 ** 32;
}
