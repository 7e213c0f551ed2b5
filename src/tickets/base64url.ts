/**
 * Decodes base64url without padding. Returns undefined for a text that is invalid, or is not the canonical encoding of
 * its bytes.
 */
export function decodeBase64url(text: unknown): Buffer | undefined {
  if (typeof text !== 'string' || !/^[A-Za-z0-9_-]+$/.test(text)) return undefined;
  const bytes = Buffer.from(text, 'base64url');
  return bytes.toString('base64url') === text ? bytes : undefined;
}

export function decodeJsonObject(text: unknown): Readonly<Record<string, unknown>> | undefined {
  const bytes = decodeBase64url(text);
  return bytes === undefined ? undefined : parseJsonObject(bytes);
}

export function parseJsonObject(bytes: Uint8Array): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}

export function hasExactly(value: object, members: readonly string[]): boolean {
  return Object.keys(value).length === members.length && members.every((key) => Object.hasOwn(value, key));
}
