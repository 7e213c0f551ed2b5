/** Writes the results of a run: a Markdown page, the same data as JSON, and the plots. They name the machine by CPU model only. */
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, loadavg, platform } from 'node:os';
import { packageJson, versionOf } from './subject.js';
import { markdownTable } from './table.js';

/** The folder of the results. */
export const resultsFolder = new URL('../results/', import.meta.url);

/** What the results depend on besides the code. */
export const environment = () => ({
  date: new Date().toISOString().slice(0, 10),
  'binding-clerk': packageJson.version,
  undici: versionOf('undici'),
  node: process.versions.node,
  machine: `${cpus()[0]?.model.trim() ?? 'unknown CPU'}, ${availableParallelism()} cores, ${platform()}`,
});

/**
 * @param {{ id: string, title: string, verdicts: import('./context.js').Verdict[], details: unknown, plots?: { name: string, svg: string }[], notes?: string[] }[]} rows
 * @param {{ quick: boolean, seed: number, seconds: number, failures: string[], loadBefore: number, isFull: boolean, again?: string[] }} run - `isFull`: of all rows; other runs write `partial-` files. `again`: ids of rows that were measured again later
 */
export function writeReport(rows, { quick, seed, seconds, failures, loadBefore, isFull, again = [] }) {
  const prefix = isFull ? '' : 'partial-';
  mkdirSync(resultsFolder, { recursive: true });
  const measuredOn = environment();
  const loads = { before: loadBefore, after: loadavg()[0] };
  const plots = rows.flatMap(({ plots: list = [] }) => list);
  // Plots of an earlier run do not match these results.
  for (const file of readdirSync(resultsFolder)) {
    if (file.endsWith('.svg') && file.startsWith('partial-') === !isFull)
      rmSync(new URL(file, resultsFolder));
  }
  for (const { name, svg } of plots) writeFileSync(new URL(`${prefix}${name}.svg`, resultsFolder), svg);
  const data = {
    ...measuredOn,
    quick,
    seed,
    seconds,
    failures,
    ...(again.length > 0 && { again }),
    rows: rows.map((row) => ({ ...row, plots: undefined })),
  };
  writeFileSync(new URL(`${prefix}latest.json`, resultsFolder), `${JSON.stringify(data, null, 2)}\n`);
  const notes = [
    `Load average of the machine ${loads.before.toFixed(1)} before the run and ${loads.after.toFixed(1)} after it.`,
    'Ratios are client CPU per call, each client to its base in the adjacent round: two clients in one process, short alternating rounds, several processes per pair. Results are medians.',
    '“control” is the base measured against a second instance of itself: its deviation from 1 is the error of the method.',
    ...rows.flatMap(({ notes: list = [] }) => list),
    ...failures.map((failure) => `Not measured: ${failure}`),
    ...(again.length > 0
      ? [`Measured again after the full run, in the same environment: ${again.join(', ')}.`]
      : []),
  ];
  const page = [
    '# Latest measurements',
    Object.entries(measuredOn)
      .map(([key, value]) => `${key} ${value}`)
      .join(' · ') + ` · seed ${seed} · ${quick ? 'quick run' : 'full run'}, ${Math.round(seconds)} s`,
    markdownTable(rows),
    notes.map((note) => `- ${note}`).join('\n'),
    ...plots.map(({ name }) => `![${name}](${prefix}${name}.svg)`),
  ];
  writeFileSync(new URL(`${prefix}latest.md`, resultsFolder), `${page.join('\n\n')}\n`);
}
