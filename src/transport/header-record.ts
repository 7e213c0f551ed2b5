type HeaderRecord = Record<string, string | string[]>;

/**
 * Converts headers in any form that undici accepts to a record, which interceptors can spread. Repeated names, in upper
 * or lower case, become one name with a list of values. Returns an invalid value unchanged.
 */
export function toHeaderRecord(headers: unknown): unknown {
  if (headers === undefined || headers === null) return {};
  if (typeof headers !== 'object') return headers;
  const pairs = pairsOf(headers);
  if (pairs === undefined) return headers;
  const record: HeaderRecord = {};
  const names = new Map<string, string>();
  for (const [name, value] of pairs) {
    const key = names.get(name.toLowerCase()) ?? name;
    names.set(key.toLowerCase(), key);
    const known = record[key];
    record[key] = known === undefined ? value : [known, value].flat();
  }
  return record;
}

/** Returns the names and values of a list or an iterable; undefined for a record. */
function pairsOf(headers: object): (readonly [string, string | string[]])[] | undefined {
  if (Array.isArray(headers)) {
    const pairs: [string, string | string[]][] = [];
    for (let i = 0; i + 1 < headers.length; i += 2)
      pairs.push([String(headers[i]), headers[i + 1] as string | string[]]);
    return pairs;
  }
  return Symbol.iterator in headers ? [...(headers as Iterable<[string, string]>)] : undefined;
}
