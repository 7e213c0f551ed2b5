/** CPU of a logical host name with fetch. */
import { cpuCostRow } from '../lib/cpu-cost-row.js';

export const id = 'warm-fetch';
export const title = 'client CPU per warm fetch';

const goal = {
  goal: 1.03,
  goalText: '≤ 1.03 × the same fetch with a plain Agent',
  reached: (/** @type {number} */ ratio) => ratio <= 1.03,
};

/** @param {import('../lib/context.js').Context} context */
export const run = (context) =>
  cpuCostRow(context, {
    plot: 'warm-fetch',
    title: 'One warm fetch',
    calls: 400,
    seconds: 110,
    variants: {
      agent: { client: 'fetch-agent', servers: 1 },
      'clerk.fetch': { client: 'fetch-clerk', servers: 1 },
      'clerk.dispatcher': { client: 'fetch-clerk-dispatcher', servers: 1 },
      'built-in, agent': { client: 'node-fetch-agent', servers: 1 },
      'built-in, clerk.dispatcher': { client: 'node-fetch-clerk-dispatcher', servers: 1 },
    },
    comparisons: [
      { title: '', base: 'agent', keys: ['clerk.fetch', 'clerk.dispatcher'], ...goal },
      { title: '', base: 'built-in, agent', keys: ['built-in, clerk.dispatcher'], ...goal },
    ],
  });
