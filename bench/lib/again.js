/** Rows that are measured again take the place of those in the last whole run. */
import { existsSync, readFileSync } from 'node:fs';

/**
 * @param {URL} folder - of the results
 * @param {Record<string, string>} where - the circumstances now; the last whole run must have been under the same
 * @param {string[]} order - of all rows
 * @param {any[]} rows - measured now
 * @returns {{ rows: any[], failures: string[], seconds: number, seed: number, again: string[] }}
 */
export function inPlace(folder, where, order, rows) {
  const before = JSON.parse(readFileSync(new URL('latest.json', folder), 'utf8'));
  for (const [key, value] of Object.entries(where))
    if (key !== 'date' && before[key] !== value)
      throw new Error(
        `The last whole run was with ${key} ${before[key]}, and this is ${value}; measure all rows`,
      );
  if (before.quick) throw new Error('The last whole run was a quick one; measure all rows');
  const ids = rows.map(({ id }) => id);
  const kept = before.rows
    .filter(({ id }) => !ids.includes(id))
    .map((row) => ({ ...row, plots: drawn(folder, row) }));
  const all = [...kept, ...rows].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  return {
    rows: all,
    failures: before.failures.filter((failure) => !ids.some((id) => failure.startsWith(`${id}:`))),
    seconds: before.seconds,
    seed: before.seed,
    again: [...new Set([...(before.again ?? []), ...ids])].sort(),
  };
}

/** The plots of a row as they were drawn. */
function drawn(folder, { id }) {
  const name = id.toLowerCase();
  const file = new URL(`${name}.svg`, folder);
  return existsSync(file) ? [{ name, svg: readFileSync(file, 'utf8') }] : [];
}
