/** Accepts all forms of headers that undici accepts. Of several headers with the same name, returns the last one. */
export function lowerCaseHeaders(headers: unknown): Readonly<Record<string, string>> {
  const result = Object.create(null) as Record<string, string>;
  for (const [name, value] of pairsOf(headers)) {
    if (value !== undefined && value !== null) result[textOf(name).toLowerCase()] = textOf(value);
  }
  return result;
}

function pairsOf(headers: unknown): [unknown, unknown][] {
  if (typeof headers !== 'object' || headers === null) return [];
  if (!(Symbol.iterator in headers)) return Object.entries(headers);
  const list = [...(headers as Iterable<unknown>)];
  if (list.every((item) => Array.isArray(item))) return list as [unknown, unknown][];
  const pairs: [unknown, unknown][] = [];
  for (let i = 0; i + 1 < list.length; i += 2) pairs.push([list[i], list[i + 1]]);
  return pairs;
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.map(textOf).join(', ');
  return Buffer.isBuffer(value) ? value.toString('latin1') : String(value);
}
