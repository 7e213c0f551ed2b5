/** What a run leaves behind: a page, the same as data, and the plots. No word of where it ran but the kind of machine. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { availableParallelism, cpus, platform } from 'node:os';
import { packageInfo, versionOf } from './subject.js';
import { markdownTable } from './table.js';

const folder = new URL('../results/', import.meta.url);

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
 * @param {{ quick: boolean, seed: number, seconds: number, failures: string[] }} run
 */
export function writeReport(rows, { quick, seed, seconds, failures }) {
  mkdirSync(folder, { recursive: true });
  const where = circumstances();
  const plots = rows.flatMap(({ plots: list = [] }) => list);
  for (const { name, svg } of plots) writeFileSync(new URL(`${name}.svg`, folder), svg);
  const data = {
    ...where,
    quick,
    seed,
    seconds,
    failures,
    rows: rows.map((row) => ({ ...row, plots: undefined })),
  };
  writeFileSync(new URL('latest.json', folder), `${JSON.stringify(data, null, 2)}\n`);
  const notes = [
    'Ratios are client CPU per call, ours to the peer’s within one round; rounds are interleaved, every way of calling has a process of its own.',
    '“again” is the base measured against itself in another process: what differs there is the method, not the code.',
    ...rows.flatMap(({ notes: list = [] }) => list),
    ...failures.map((failure) => `Not measured: ${failure}`),
  ];
  const page = [
    '# Latest measurements',
    Object.entries(where)
      .map(([key, value]) => `${key} ${value}`)
      .join(' · ') + ` · seed ${seed} · ${quick ? 'quick run' : 'full run'}, ${Math.round(seconds)} s`,
    markdownTable(rows),
    notes.map((note) => `- ${note}`).join('\n'),
    ...plots.map(({ name }) => `![${name}](${name}.svg)`),
  ];
  writeFileSync(new URL('latest.md', folder), `${page.join('\n\n')}\n`);
}
