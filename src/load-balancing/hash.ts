/** Fast hash functions with the same results on every machine. Not safe against attackers that choose keys. */

/**
 * Returns a 53-bit hash. With 10,000 endpoints, the probability that any two have the same hash is 6 in 10^9. @see
 * [bryc, cyrb53](https://github.com/bryc/code/blob/master/jshash/experimental/cyrb53.js) (public domain)
 */
export function hashText(text: string): number {
  let high = 0xdeadbeef;
  let low = 0x41c6ce57;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    high = Math.imul(high ^ unit, 2654435761);
    low = Math.imul(low ^ unit, 1597334677);
  }
  const crossed = Math.imul(high ^ (high >>> 16), 2246822507) ^ Math.imul(low ^ (low >>> 13), 3266489909);
  low = Math.imul(low ^ (low >>> 16), 2246822507) ^ Math.imul(crossed ^ (crossed >>> 13), 3266489909);
  return (low & 0x1fffff) * 2 ** 32 + (crossed >>> 0);
}

/** MurmurHash3's `fmix32`: every input bit affects all 32 output bits. */
export function mix(bits: number): number {
  bits = Math.imul(bits ^ (bits >>> 16), 0x85ebca6b);
  bits = Math.imul(bits ^ (bits >>> 13), 0xc2b2ae35);
  return bits ^ (bits >>> 16);
}
