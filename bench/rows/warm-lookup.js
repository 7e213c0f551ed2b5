/** Lookup of a name in the clerk's cache. */
import { microBenchmarkRounds } from '../lib/micro-benchmark-rounds.js';
import { median, spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'warm-lookup';
export const title = 'warm lookup inside the clerk';

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const input = { names: 100 };
  const operations = [
    { key: 'ours', task: 'peek', process: 'ours', input },
    { key: 'lru-cache', task: 'lru', process: 'lru-cache', input },
  ];
  const samples = await microBenchmarkRounds(context, operations, 200_000);
  const ours = median(samples.ours);
  return {
    verdicts: [
      {
        what: 'one of 100 cached names',
        goal: '≤ 150 ns',
        ours: `${ours.toFixed(0)} ns`,
        peers: `lru-cache get with ttl ${median(samples['lru-cache']).toFixed(0)} ns`,
        ratio: ratioText(spread(samples.ours.map((value, i) => value / samples['lru-cache'][i]))),
        reached: ours <= 150,
      },
    ],
    details: Object.fromEntries(Object.entries(samples).map(([key, values]) => [key, spread(values)])),
  };
}
