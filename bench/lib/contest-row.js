/** Rows that compare what a call costs: the same contest, verdicts and bars, over different ways of calling. */
import { barPlot } from './bars.js';
import { contest, control, means, ratio } from './rounds.js';
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
 * @param {{ plot: string, title: string, calls: number, seconds: number, contestants: import('./rounds.js').Contest['contestants'], comparisons: Comparison[] }} row
 * @returns {Promise<import('./context.js').RowResult>}
 */
export async function contestRow(context, { plot, title, calls, seconds, contestants, comparisons }) {
  const { quick } = context;
  const results = await contest(context, {
    contestants,
    generations: quick ? 1 : 3,
    seconds,
    loads: [
      { concurrency: 64, rounds: quick ? 5 : 10, calls, warmCalls: 4 * calls },
      { concurrency: 1, rounds: quick ? 6 : 12, calls: calls / 4, warmCalls: calls },
    ],
  });
  const verdicts = [];
  const groups = [];
  /** @type {Record<string, unknown>} */
  const details = {};
  const microseconds = (rounds) => median(means(rounds));
  for (const [concurrency, samples] of results) {
    for (const { title: side, base, keys, goal, goalText, reached } of comparisons) {
      const suffix = `${side === '' ? '' : `, ${side}`}, concurrency ${concurrency}`;
      const again = control(samples[base].cpuUs);
      const ratios = keys.map((key) => {
        const { way } = contestants[key];
        return {
          key,
          way,
          cpu: ratio(samples, key, base, 'cpuUs'),
          wall: ratio(samples, key, base, 'wallUs'),
        };
      });
      const baseTitle = titles[contestants[base].way];
      const peers = [
        `${baseTitle} ${microseconds(samples[base].cpuUs).toFixed(1)} µs (control ${again.median.toFixed(3)})`,
        ...ratios
          .filter(({ way }) => !isOurs(way))
          .map(({ way, cpu }) => `${titles[way]} ${cpu.median.toFixed(2)}`),
      ];
      for (const { key, way, cpu } of ratios.filter((one) => isOurs(one.way))) {
        verdicts.push({
          what: titles[way] + suffix,
          goal: goalText,
          ours: `${microseconds(samples[key].cpuUs).toFixed(1)} µs CPU`,
          peers: peers.join('; '),
          ratio: ratioText(cpu),
          reached: reached(cpu.median),
        });
      }
      details[`ratios to ${base}${suffix}`] = {
        control: again,
        ...Object.fromEntries(ratios.map(({ key, cpu, wall }) => [key, { cpu, wall }])),
      };
      groups.push({
        title: suffix.slice(2),
        goal,
        bars: [
          { label: `${baseTitle}, control`, spread: again, ours: false },
          ...ratios.map(({ way, cpu }) => ({ label: titles[way], spread: cpu, ours: isOurs(way) })),
        ],
      });
    }
    details[`µs per call, concurrency ${concurrency}`] = Object.fromEntries(
      Object.entries(samples).map(([key, { cpuUs, wallUs }]) => [
        key,
        { cpu: microseconds(cpuUs), wall: microseconds(wallUs) },
      ]),
    );
  }
  const count = groups[0].bars[0].spread.count;
  const base = [...new Set(comparisons.map((comparison) => titles[contestants[comparison.base].way]))].join(
    ', ',
  );
  const svg = barPlot(
    title,
    `Ratio of client CPU per call to ${base}; bar: median, box: middle half, line: all ${count} rounds`,
    groups,
  );
  return { verdicts, details, plots: [{ name: plot, svg }] };
}
