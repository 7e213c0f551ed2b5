/** CPU of a buffered JSON body, read without a stream. */
import { cpuCostRow } from '../lib/cpu-cost-row.js';

export const id = 'warm-json';
export const title = 'client CPU per warm binding.json';

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  cpuCostRow(context, {
    plot: 'warm-json',
    title: 'One buffered JSON body',
    calls: 1_000,
    seconds: 40,
    variants: {
      pool: { client: 'pool-json', servers: 1 },
      clerk: { client: 'clerk-json', servers: 1 },
      dispatch: { client: 'dispatch-json', servers: 1 },
    },
    comparisons: [
      {
        title: '',
        base: 'pool',
        keys: ['clerk', 'dispatch'],
        goal: 1,
        goalText: '< Pool.request + body.json, aim 0.85 ×',
        reached: (ratio) => ratio < 1,
      },
    ],
  });
