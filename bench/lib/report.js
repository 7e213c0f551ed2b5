/** What a run leaves behind: a page, the same as data, and the plots. No word of where it ran but the kind of machine. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform } from 'node:os';
import { packageInfo, versionOf } from './subject.js';
import { markdownTable } from './table.js';

/** Where the results are. */
export const folder = new URL('../results/', import.meta.url);

/** What the figures depend on besides the code. */
export const circumstances = () => ({
  date: new Date().toISOString().slice(0, 10),
  'binding-clerk': packageInfo.version,
  undici: versionOf('undici'),
  node: process.versions.node,
  machine: `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${platform()}`,
});

/**
 * @param {{ id: string, title: string, verdicts: import('./context.js').Verdict[], details: unknown, plots?: { name: string, svg: string }[], notes?: string[] }[]} rows
 * @param {{ quick: boolean, seed: number, seconds: number, failures: string[], loadBefore: number, whole: boolean, again?: string[] }} run - `whole`: of all rows; a part is kept apart. `again`: rows that were measured again since, by id
 */
export function writeReport(rows, { quick, seed, seconds, failures, loadBefore, whole, again = [] }) {
  const prefix = whole ? '' : 'partial-';
  mkdirSync(folder, { recursive: true });
  const where = circumstances();
  const loads = { before: loadBefore, after: loadavg()[0] };
  const plots = rows.flatMap(({ plots: list = [] }) => list);
  // What an earlier run drew does not belong to this one's figures.
  for (const file of readdirSync(folder)) {
    if (file.endsWith('.svg') && file.startsWith('partial-') === !whole) rmSync(new URL(file, folder));
  }
  for (const { name, svg } of plots) writeFileSync(new URL(`${prefix}${name}.svg`, folder), svg);
  const data = {
    ...where,
    quick,
    seed,
    seconds,
    failures,
    ...(again.length > 0 && { again }),
    rows: rows.map((row) => ({ ...row, plots: undefined })),
  };
  writeFileSync(new URL(`${prefix}latest.json`, folder), `${JSON.stringify(data, null, 2)}\n`);
  const notes = [
    `Load average of the machine ${loads.before.toFixed(1)} before the run and ${loads.after.toFixed(1)} after it.`,
    'Ratios are client CPU per call, each way to its base in the round beside it: two ways in one process, short rounds in turn, several processes for each pair; the median counts.',
    '“control” is the base measured against a second one of itself in the same way: what differs there is the method, not the code.',
    ...rows.flatMap(({ notes: list = [] }) => list),
    ...failures.map((failure) => `Not measured: ${failure}`),
    ...(again.length > 0
      ? [`Measured again after the whole run, in the same circumstances: ${again.join(', ')}.`]
      : []),
  ];
  const page = [
    '# Latest measurements',
    Object.entries(where)
      .map(([key, value]) => `${key} ${value}`)
      .join(' · ') + ` · seed ${seed} · ${quick ? 'quick run' : 'full run'}, ${Math.round(seconds)} s`,
    markdownTable(rows),
    notes.map((note) => `- ${note}`).join('\n'),
    ...plots.map(({ name }) => `![${name}](${prefix}${name}.svg)`),
  ];
  writeFileSync(new URL(`${prefix}latest.md`, folder), `${page.join('\n\n')}\n`);
}
