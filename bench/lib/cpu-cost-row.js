/** Rows that compare the client CPU per call of several clients with a base client. */
import { barPlot } from './bar-plot.js';
import { pairedRatio, runPairs } from './paired-rounds.js';
import { median } from './statistics.js';
import { ratioText } from './table.js';
import { isOurs, clientTitles } from './clients.js';

/**
 * @typedef {object} Comparison
 * @property {string} title
 * @property {string} base - key of the variant that the others are compared with
 * @property {string[]} keys - of the other variants
 * @property {number} goal - ratio
 * @property {string} goalText
 * @property {(ratio: number) => boolean} reached
 */

/**
 * @param {import('./context.js').Context} context
 * @param {{ plot: string, title: string, calls: number, seconds: number, comparisons: Comparison[] } & Pick<import('./paired-rounds.js').PairPlan, 'variants' | 'startServers'>} row
 * @returns {Promise<import('./context.js').RowResult>}
 */
export async function cpuCostRow(context, row) {
  const { quick } = context;
  const { plot, title, calls, seconds, variants, comparisons, startServers } = row;
  const pairs = comparisons.flatMap(({ base, keys }) =>
    [base, ...keys].map((candidate) => ({ base, candidate })),
  );
  const results = await runPairs(context, {
    variants,
    pairs,
    startServers,
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
  for (const [concurrency, samplesByPair] of results) {
    /** @type {Record<string, { cpu: number, wall: number }>} */
    const costs = {};
    const samplesOf = (base, candidate) =>
      samplesByPair[pairs.findIndex((one) => one.base === base && one.candidate === candidate)];
    const costOf = ({ cpuUs, wallUs }) => ({ cpu: median(cpuUs), wall: median(wallUs) });
    for (const { title: scope, base, keys, goal, goalText, reached } of comparisons) {
      const suffix = `${scope === '' ? '' : `, ${scope}`}, concurrency ${concurrency}`;
      const control = pairedRatio(samplesOf(base, base), 'cpuUs');
      costs[base] = costOf(samplesOf(base, base).base);
      const ratios = keys.map((key) => {
        const samples = samplesOf(base, key);
        costs[key] = costOf(samples.candidate);
        return {
          key,
          client: variants[key].client,
          cpu: pairedRatio(samples, 'cpuUs'),
          wall: pairedRatio(samples, 'wallUs'),
        };
      });
      const baseTitle = clientTitles[variants[base].client];
      const peers = [
        `${baseTitle} ${costs[base].cpu.toFixed(1)} µs (control ${control.median.toFixed(3)})`,
        ...ratios
          .filter(({ client }) => !isOurs(client))
          .map(({ client, cpu }) => `${clientTitles[client]} ${cpu.median.toFixed(2)}`),
      ];
      for (const { key, client, cpu } of ratios.filter((one) => isOurs(one.client))) {
        verdicts.push({
          what: clientTitles[client] + suffix,
          goal: goalText,
          ours: `${costs[key].cpu.toFixed(1)} µs CPU`,
          peers: peers.join('; '),
          ratio: ratioText(cpu),
          reached: reached(cpu.median),
        });
      }
      details[`ratios to ${base}${suffix}`] = {
        control,
        ...Object.fromEntries(ratios.map(({ key, cpu, wall }) => [key, { cpu, wall }])),
      };
      groups.push({
        title: suffix.slice(2),
        goal,
        bars: [
          { label: `${baseTitle}, control`, spread: control, ours: false },
          ...ratios.map(({ client, cpu }) => ({
            label: clientTitles[client],
            spread: cpu,
            ours: isOurs(client),
          })),
        ],
      });
    }
    details[`µs per call, concurrency ${concurrency}`] = costs;
  }
  const count = groups[0].bars[0].spread.count;
  const base = [
    ...new Set(comparisons.map((comparison) => clientTitles[variants[comparison.base].client])),
  ].join(', ');
  const svg = barPlot(
    title,
    `Ratio of client CPU per call to ${base}; bar: median, box: middle half, line: all ${count} rounds`,
    groups,
  );
  return { verdicts, details, plots: [{ name: plot, svg }] };
}
