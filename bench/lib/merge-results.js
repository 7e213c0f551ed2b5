/** Merges rows that were measured again into the results of the last full run. */
import { existsSync, readFileSync } from 'node:fs';

/**
 * @param {URL} folder - with the results
 * @param {Record<string, string>} environment - of this run; all values but `date` must equal those of the last full run
 * @param {string[]} order - ids of all rows
 * @param {any[]} rows - of this run
 * @returns {{ rows: any[], failures: string[], seconds: number, seed: number, again: string[] }}
 */
export function mergeResults(folder, environment, order, rows) {
  const previous = JSON.parse(readFileSync(new URL('latest.json', folder), 'utf8'));
  for (const [key, value] of Object.entries(environment))
    if (key !== 'date' && previous[key] !== value)
      throw new Error(
        `${key} must be that of the last full run, ${previous[key]}; got ${value}. Run all rows, without --only`,
      );
  if (previous.quick)
    throw new Error('The last full run must not be a quick one. Run all rows, without --only and --quick');
  const ids = rows.map(({ id }) => id);
  const unchanged = previous.rows
    .filter(({ id }) => !ids.includes(id))
    .map((row) => ({ ...row, plots: savedPlots(folder, row) }));
  const all = [...unchanged, ...rows].sort((a, b) => order.indexOf(a.id) - order.indexOf(b.id));
  return {
    rows: all,
    failures: previous.failures.filter((failure) => !ids.some((id) => failure.startsWith(`${id}:`))),
    seconds: previous.seconds,
    seed: previous.seed,
    again: [...new Set([...(previous.again ?? []), ...ids])].sort(),
  };
}

/** The saved plots of a row. */
function savedPlots(folder, { id }) {
  const file = new URL(`${id}.svg`, folder);
  return existsSync(file) ? [{ name: id, svg: readFileSync(file, 'utf8') }] : [];
}
