/** CPU of a warm request with all features, beside the Pool that sends it. */
import { cpuCostRow } from '../lib/cpu-cost-row.js';

export const id = 'warm-call';
export const title = 'client CPU per warm binding.request';

const goal = {
  goal: 1.05,
  goalText: '≤ 1.05 × Pool.request',
  reached: (/** @type {number} */ ratio) => ratio <= 1.05,
};

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  cpuCostRow(context, {
    plot: 'warm-call',
    title: 'One warm request',
    calls: 1_000,
    seconds: 130,
    variants: {
      pool: { client: 'pool', servers: 1 },
      clerk: { client: 'clerk', servers: 1 },
      'pool + retry': { client: 'pool-retry', servers: 1 },
      'pool + timeout': { client: 'pool-timeout', servers: 1 },
      'pools of 3': { client: 'pools-round-robin', servers: 3 },
      'clerk of 3': { client: 'clerk', servers: 3 },
      'p2c of 3': { client: 'p2c', servers: 3 },
      'balanced of 3': { client: 'balanced', servers: 3 },
    },
    comparisons: [
      { title: 'one endpoint', base: 'pool', keys: ['clerk', 'pool + retry', 'pool + timeout'], ...goal },
      {
        title: 'three endpoints',
        base: 'pools of 3',
        keys: ['clerk of 3', 'p2c of 3', 'balanced of 3'],
        ...goal,
      },
    ],
  });
