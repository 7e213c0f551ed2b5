/** Writes DER, the encoding of X.509 certificates. @see https://www.itu.int/rec/T-REC-X.690 */

export function derElement(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.from([tag]), derLength(body.length), body]);
}

/** A length up to 127 takes one byte. For a longer length, one byte states how many bytes of the length follow. */
function derLength(length: number): Buffer {
  if (length < 0x80) return Buffer.from([length]);
  const hex = length.toString(16);
  const bytes = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.from([0x80 | bytes.length]), bytes]);
}

export function derSequence(...content: readonly Uint8Array[]): Buffer {
  return derElement(0x30, ...content);
}

export function derSet(...content: readonly Uint8Array[]): Buffer {
  return derElement(0x31, ...content);
}

/** @param bytes - a number above 0, with the highest bit of the first byte clear */
export function derInteger(bytes: Uint8Array): Buffer {
  return derElement(0x02, bytes);
}

export function derObjectIdentifier(identifier: string): Buffer {
  const [first = 0, second = 0, ...rest] = identifier.split('.').map(Number);
  return derElement(0x06, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

/** Splits a number into groups of 7 bits. Every byte except the last has its highest bit set. */
function base128(value: number): number[] {
  const digits = [value & 0x7f];
  for (let rest = value >>> 7; rest > 0; rest >>>= 7) digits.unshift((rest & 0x7f) | 0x80);
  return digits;
}

export function derUtf8String(text: string): Buffer {
  return derElement(0x0c, Buffer.from(text, 'utf8'));
}

export function derBitString(bytes: Uint8Array): Buffer {
  return derElement(0x03, Buffer.from([0]), bytes);
}

export function derOctetString(bytes: Uint8Array): Buffer {
  return derElement(0x04, bytes);
}

/**
 * Encodes a UTC time. Certificates use two digits for the years 1950 to 2049, and four digits for later years.
 *
 * @param text - such as `20200101000000Z`
 */
export function derTime(text: string): Buffer {
  const isShort = text >= '1950' && text < '2050';
  return derElement(isShort ? 0x17 : 0x18, Buffer.from(isShort ? text.slice(2) : text, 'latin1'));
}
