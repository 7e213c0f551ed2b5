/** The results table, as plain text and as Markdown. */

const headings = ['row', 'what', 'goal', 'ours', 'peers', 'ratio (min · p25–p75 · max)', 'reached'];

/**
 * @param {{ id: string, verdicts: import('./context.js').Verdict[] }[]} rows
 * @returns {string[][]}
 */
function cells(rows) {
  return rows.flatMap(({ id, verdicts }) =>
    verdicts.map(({ what, goal, ours, peers, ratio, reached }) => {
      const reachedText = reached === undefined ? '' : reached ? 'yes' : 'NO';
      return [id, what, goal, ours, peers, ratio, reachedText];
    }),
  );
}

/** @param {Parameters<typeof cells>[0]} rows */
export function plainTable(rows) {
  const all = [headings, ...cells(rows)];
  const widths = headings.map((_, column) => Math.max(...all.map((line) => line[column].length)));
  const formatLine = (line) =>
    line
      .map((cell, i) => cell.padEnd(widths[i]))
      .join('  ')
      .trimEnd();
  return [
    formatLine(headings),
    widths.map((w) => '-'.repeat(w)).join('  '),
    ...all.slice(1).map(formatLine),
  ].join('\n');
}

/** @param {Parameters<typeof cells>[0]} rows */
export function markdownTable(rows) {
  const formatLine = (line) => `| ${line.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [formatLine(headings), formatLine(headings.map(() => '---')), ...cells(rows).map(formatLine)].join(
    '\n',
  );
}

/** @param {import('./statistics.js').Spread} spread */
export function ratioText({ min, p25, median, p75, max }) {
  const f = (value) => value.toFixed(2);
  return `${median.toFixed(3)} (${f(min)} · ${f(p25)}–${f(p75)} · ${f(max)})`;
}
