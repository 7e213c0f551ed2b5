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
 * @param {{ plot: string, title: string, calls: number, seconds: number, contestants: import('./rounds.js').Contest['contestants'], comparisons: Comparison[] }} row
 * @returns {Promise<import('./context.js').RowResult>}
 */
export async function contestRow(context, { plot, title, calls, seconds, contestants, comparisons }) {
  const { quick } = context;
  const pairs = comparisons.flatMap(({ base, keys }) => [base, ...keys].map((rival) => ({ base, rival })));
  const results = await contest(context, {
    contestants,
    pairs,
    generations: quick ? 1 : 10,
    seconds,
    loads: [
      { concurrency: 64, rounds: 12, calls, warmCalls: 10 * calls },
      { concurrency: 1, rounds: 12, calls: calls / 4, warmCalls: 3 * calls },
    ],
  });
  const verdicts = [];
  const groups = [];
  /** @type {Record<string, unknown>} */
  const details = {};
  for (const [concurrency, duels] of results) {
    /** @type {Record<string, { cpu: number, wall: number }>} */
    const costs = {};
    const duelOf = (base, rival) => duels[pairs.findIndex((one) => one.base === base && one.rival === rival)];
    const costOf = ({ cpuUs, wallUs }) => ({ cpu: median(cpuUs), wall: median(wallUs) });
    for (const { title: side, base, keys, goal, goalText, reached } of comparisons) {
      const suffix = `${side === '' ? '' : `, ${side}`}, concurrency ${concurrency}`;
      const again = ratio(duelOf(base, base), 'cpuUs');
      costs[base] = costOf(duelOf(base, base).base);
      const ratios = keys.map((key) => {
        const duel = duelOf(base, key);
        costs[key] = costOf(duel.rival);
        return {
          key,
          way: contestants[key].way,
          cpu: ratio(duel, 'cpuUs'),
          wall: ratio(duel, 'wallUs'),
        };
      });
      const baseTitle = titles[contestants[base].way];
      const peers = [
        `${baseTitle} ${costs[base].cpu.toFixed(1)} µs (control ${again.median.toFixed(3)})`,
        ...ratios
          .filter(({ way }) => !isOurs(way))
          .map(({ way, cpu }) => `${titles[way]} ${cpu.median.toFixed(2)}`),
      ];
      for (const { key, way, cpu } of ratios.filter((one) => isOurs(one.way))) {
        verdicts.push({
          what: titles[way] + suffix,
          goal: goalText,
          ours: `${costs[key].cpu.toFixed(1)} µs CPU`,
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
    details[`µs per call, concurrency ${concurrency}`] = costs;
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
