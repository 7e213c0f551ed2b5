/**
 * Quotes a string for a message. Cuts the string after 80 characters, and escapes characters that could control a
 * terminal. For null, returns `null`. For any other value, returns the type of the value, such as `number`. @see
 * [A2](../../docs/guarantees.md#a2), [A26](../../docs/guarantees.md#a26)
 */
export function quote(value: unknown): string {
  if (typeof value !== 'string') return value === null ? 'null' : typeof value;
  const text = value
    .slice(0, 80)
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `'${text}${value.length > 80 ? '…' : ''}'`;
}

/** Describes a value for a message, after `got`. Of a list or a long string, states the length. */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : `a list of ${String(value.length)}`;
  if (typeof value === 'number' || typeof value === 'boolean' || value === undefined) return String(value);
  if (typeof value === 'string')
    return value.length > 80 ? `${quote(value)} of ${String(value.length)} characters` : quote(value);
  return typeof value === 'object' ? 'an object' : `a ${typeof value}`;
}

/** Returns the subject of a message: `what` and the quoted text, such as `Name '/Shop'`; only `what` without a text. */
export function subjectOf(what: string, text: unknown): string {
  return typeof text === 'string' ? `${what} ${quote(text)}` : what;
}
