/** Rows that compare what a call costs: the same contest, verdicts and bars, over different ways of calling. */
import { barPlot } from './bars.js';
import { contest, ratio } from './rounds.js';
import { median } from './stats.js';
import { ratioText } from './table.js';
import { isOurs, titles } from './ways.js';

/**
 * @typedef {object} Comparison
 * @property {string} title
 * @property {string} base - key of the contestant that all are measured against
 * @property {string[]} keys - the others
 * @property {number} goal - ratio
 * @property {string} goalText
 * @property {(ratio: number) => boolean} reached
 */

/**
 * @param {import('./context.js').Context} context
 * @param {{ plot: string, title: string, calls: number, contestants: import('./rounds.js').Contest['contestants'], comparisons: Comparison[] }} row
 * @returns {Promise<import('./context.js').RowResult>}
 */
export async function contestRow(context, { plot, title, calls, contestants, comparisons }) {
  const { quick } = context;
  const results = await contest(context, {
    contestants,
    generations: quick ? 2 : 4,
    loads: [
      { concurrency: 64, rounds: quick ? 3 : 10, calls, warmCalls: 4 * calls },
      { concurrency: 1, rounds: quick ? 5 : 15, calls: calls / 4, warmCalls: calls },
    ],
  });
  const verdicts = [];
  const groups = [];
  /** @type {Record<string, unknown>} */
  const details = {};
  for (const [concurrency, samples] of results) {
    for (const comparison of comparisons) {
      const { base, keys, goal, goalText, reached } = comparison;
      const baseCpu = median(samples[base].cpuUs);
      const ratios = keys.map((key) => ({
        key,
        way: contestants[key].way,
        cpu: ratio(samples, key, base),
        wall: ratio(samples, key, base, 'wallUs'),
      }));
      const control = ratios.find(({ way }) => way === contestants[base].way);
      const others = ratios.filter(({ way, key }) => !isOurs(way) && key !== control?.key);
      for (const { key, way, cpu, wall } of ratios.filter(({ way }) => isOurs(way))) {
        verdicts.push({
          what: `${titles[way]}${comparison.title === '' ? '' : `, ${comparison.title}`}, concurrency ${concurrency}`,
          goal: goalText,
          ours: `${median(samples[key].cpuUs).toFixed(1)} µs CPU`,
          peers: [
            `${titles[contestants[base].way]} ${baseCpu.toFixed(1)} µs (again ${control?.cpu.median.toFixed(3) ?? '–'})`,
            ...others.map((other) => `${titles[other.way]} ${other.cpu.median.toFixed(2)}`),
          ].join('; '),
          ratio: ratioText(cpu),
          reached: reached(cpu.median),
        });
        details[`${key} / ${base} @${concurrency}`] = { cpu, wall };
      }
      for (const { key, cpu, wall } of ratios) details[`${key} / ${base} @${concurrency}`] = { cpu, wall };
      groups.push({
        title: `${comparison.title === '' ? '' : `${comparison.title}, `}concurrency ${concurrency}`,
        goal,
        bars: ratios.map(({ key, way, cpu }) => ({
          label: key === control?.key ? `${titles[way]}, again` : titles[way],
          spread: cpu,
          ours: isOurs(way),
        })),
      });
    }
  }
  for (const [concurrency, samples] of results) {
    details[`µs per call @${concurrency}`] = Object.fromEntries(
      Object.entries(samples).map(([key, { cpuUs, wallUs }]) => [
        key,
        { cpu: median(cpuUs), wall: median(wallUs) },
      ]),
    );
  }
  const base = [...new Set(comparisons.map((comparison) => titles[contestants[comparison.base].way]))].join(
    ', ',
  );
  const svg = barPlot(
    title,
    `Ratio of client CPU per call to ${base}; bar: median, box: middle half, line: all rounds`,
    groups,
  );
  return { verdicts, details, plots: [{ name: plot, svg }] };
}
