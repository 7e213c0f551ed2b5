/** One pick among few and among many endpoints. */
import { microBenchmarkRounds } from '../lib/micro-benchmark-rounds.js';
import { median, spread } from '../lib/statistics.js';
import { ratioText } from '../lib/table.js';

export const id = 'pick';
export const title = 'pick among 10 and among 10,000';

const policies = ['random', 'load-aware', 'local-first'];

/**
 * @param {import('../lib/context.js').Context} context
 * @returns {Promise<import('../lib/context.js').RowResult>}
 */
export async function run(context) {
  const operations = policies.flatMap((policy) =>
    [10, 10_000].map((count) => ({
      key: `${policy} ${count}`,
      task: 'pick',
      process: policy,
      input: { policy, count },
    })),
  );
  const handWritten = {
    key: 'hand-written',
    task: 'pickByPeer',
    process: 'hand-written',
    input: { count: 10 },
  };
  const samples = await microBenchmarkRounds(context, [...operations, handWritten], 200_000);
  const ns = (/** @type {string} */ key) => `${median(samples[key]).toFixed(0)} ns`;
  const verdicts = policies.flatMap((policy) => {
    const few = samples[`${policy} 10`];
    const many = samples[`${policy} 10000`];
    const growth = spread(many.map((value, i) => value / few[i]));
    const peers = policy === 'load-aware' ? `hand-written P2C peak-EWMA ${ns('hand-written')}` : '';
    return [
      {
        what: `${policy}, 10`,
        goal: '≤ 100 ns',
        ours: ns(`${policy} 10`),
        peers,
        ratio: '',
        reached: median(few) <= 100,
      },
      {
        what: `${policy}, 10,000`,
        goal: '≤ 1.5 × among 10',
        ours: ns(`${policy} 10000`),
        peers: '',
        ratio: ratioText(growth),
        reached: growth.median <= 1.5,
      },
    ];
  });
  return {
    verdicts,
    details: Object.fromEntries(Object.entries(samples).map(([key, values]) => [key, spread(values)])),
  };
}
