/** Foreign text in messages. */

/**
 * A text as a message can hold it: quoted, shortened, and nothing in it that could pass for something else or move a
 * terminal's cursor. Of anything but a text only the type is told.
 *
 * @see promises A2, A26
 */
export function quote(value: unknown): string {
  if (typeof value !== 'string') return value === null ? 'null' : typeof value;
  const text = value
    .slice(0, 80)
    .replace(/[^\x20-\x7e]/g, (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`);
  return `'${text}${value.length > 80 ? '…' : ''}'`;
}
