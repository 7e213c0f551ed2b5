import type { ImportDifference, ImportResponse } from '../protocol/naming-messages.js';
import { formatCount, formatDuration } from './format.js';
import { styled, type Output, type Style, type TextPart } from './output.js';

const lists = [
  ['added', '+', 'good'],
  ['changed', '~', 'warning'],
  ['removed', '-', 'bad'],
  ['waiting', '…', 'warning'],
] as const satisfies readonly (readonly [keyof ImportResponse, string, Style])[];

/** Prints what an import changes, one entry a line. */
export async function printDifference(stdout: Output, response: ImportResponse): Promise<void> {
  const print = stdout.table();
  for (const [key, sign, style] of lists)
    await print(response[key].map((entry) => [styled(style, sign), entry.name, ...details(entry)]));
  const { dryRun, unchanged, entries, waiting, revision } = response;
  const counts = lists.flatMap(([key]) =>
    response[key].length === 0 ? [] : [`${String(response[key].length)} ${key}`],
  );
  const all = [...counts, `${String(unchanged.length)} unchanged`].join(', ');
  await stdout.line(
    dryRun
      ? `The import of ${formatCount(entries, 'line')} would result in: ${all}`
      : `Imported ${entries === 1 ? '1 entry' : `${String(entries)} entries`}: ${all}`,
    styled('faint', `  revision ${revision}`),
  );
  if (dryRun && waiting.length > 0)
    await stdout.line(
      'The waiting changes need --when-expired, because the guaranteed time of at least one of these entries has not passed; to apply the changes without this option, import the lines later',
    );
}

function details({ kind, fields = [], appliesInMs }: ImportDifference): TextPart[] {
  return [
    styled('faint', kind),
    [...fields, ...(appliesInMs === undefined ? [] : [`in ${formatDuration(appliesInMs)}`])].join(', '),
  ];
}
